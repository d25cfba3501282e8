//! A wallet that signs, written after polymarket-clob.md §§3, 4 and 6 and not after the server.

use crate::harness::{Answer, Request, Server};
use alloy_primitives::{Address, B256, U256, b256, hex, keccak256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit, Mac};
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};
use sha2::Sha256;

/// The domain of log-ins on Polygon (§14.1).
const LOGIN: B256 = b256!("cfc66be2a3b30464cb3b588324101f660c9a205fa76e8e5f83ee16a528e1c4cb");
/// V2's domain on Polygon for ordinary markets, and for neg-risk ones (§6.2).
const STANDARD: B256 = b256!("3264e159346253e26a64e00b69032db0e7d32f94628de3e6eecb50304d7af3d2");
const NEG_RISK: B256 = b256!("9b858f53327b0bd13af8ec14cfb35234fb9eb7b0504d1a4e61f433840d30e81a");
/// V1's on Polygon for ordinary markets.
const FIRST: B256 = b256!("1a573e3617c78403b5b4b892827992f027b03d4eaf570048b8ee8cdd84d151be");
const LOGIN_TYPE: B256 = b256!("52578c5c725a28a84fedc8c22aa47947822942f35b4dc350db028e45320e035c");
const V1_TYPE: B256 = b256!("a852566c4e14d00869b6db0220888a9090a13eccdaea03713ff0a3d27bf9767c");
const V2_TYPE: B256 = b256!("bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589");
const MESSAGE: &str = "This message attests that I control the given wallet";

/// A wallet, and the key it got.
#[derive(Clone)]
pub(crate) struct Wallet {
    pub(crate) signer: SigningKey,
    pub(crate) address: Address,
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) passphrase: String,
}

/// An order before it is signed.
#[expect(clippy::struct_excessive_bools, reason = "each is a way of its own to get an order wrong")]
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) token: String,
    pub(crate) is_sell: bool,
    pub(crate) gives: u64,
    pub(crate) wants: u64,
    pub(crate) salt: u64,
    pub(crate) kind: &'static str,
    pub(crate) expiration: i64,
    pub(crate) is_neg_risk: bool,
    pub(crate) signature_type: u8,
    pub(crate) maker: Option<Address>,
    pub(crate) post_only: bool,
    pub(crate) is_v1: bool,
    pub(crate) nonce: u64,
    pub(crate) fee_rate_bps: u64,
    /// Another domain than the one that belongs to it.
    pub(crate) domain: Option<B256>,
}

impl Draft {
    /// So many whole shares at a price in cents.
    pub(crate) fn limit(token: &str, side: &str, cents: u64, shares: u64) -> Self {
        let (dollars, shares) = (cents * shares * 10_000, shares * 1_000_000);
        let is_sell = side == "SELL";
        let (gives, wants) = if is_sell { (shares, dollars) } else { (dollars, shares) };
        Self {
            token: token.to_owned(),
            is_sell,
            gives,
            wants,
            salt: 1,
            kind: "GTC",
            expiration: 0,
            is_neg_risk: false,
            signature_type: 0,
            maker: None,
            post_only: false,
            is_v1: false,
            nonce: 0,
            fee_rate_bps: 0,
            domain: None,
        }
    }

    pub(crate) fn salted(self, salt: u64) -> Self {
        Self { salt, ..self }
    }
}

fn word(number: u64) -> [u8; 32] {
    U256::from(number).to_be_bytes()
}

impl Wallet {
    /// A wallet without a key yet, from its private key in hexadecimal digits.
    pub(crate) fn of(private_key: &str) -> Self {
        let bytes = hex::decode(private_key).expect("hexadecimal");
        let signer = SigningKey::from_slice(&bytes).expect("a private key");
        let address = Address::from_private_key(&signer);
        Self { signer, address, key: String::new(), secret: String::new(), passphrase: String::new() }
    }

    /// One that nobody has seen, the same for the same number.
    pub(crate) fn stranger(number: u8) -> Self {
        Self::of(&hex::encode([number.max(1); 32]))
    }

    /// One of the ready users', with its key.
    pub(crate) fn persona(server: &Server, name: &str) -> Self {
        let wallet = Self::of(server.persona(name, "private_key"));
        wallet.with_key(server)
    }

    pub(crate) fn with_key(mut self, server: &Server) -> Self {
        let made = self.login(server.request("POST", "/auth/api-key"), 1_700_000_000, 0).send();
        let made = made.ok("a key");
        let text = |member: &str| made[member].as_str().expect("a text").to_owned();
        (self.key, self.secret, self.passphrase) = (text("apiKey"), text("secret"), text("passphrase"));
        self
    }

    /// A digest's signature, as 65 bytes.
    pub(crate) fn sign(&self, digest: &B256) -> String {
        let (signature, parity) = self.signer.sign_prehash_recoverable(digest.as_slice()).expect("signed");
        format!("0x{}{:02x}", hex::encode(signature.to_bytes()), 27 + parity.to_byte())
    }

    /// Signed for its keys (§3).
    pub(crate) fn login<'a>(&self, request: Request<'a>, stamp: i64, nonce: u64) -> Request<'a> {
        self.login_in(&LOGIN, request, stamp, nonce)
    }

    /// The same in a domain.
    pub(crate) fn login_in<'a>(
        &self,
        domain: &B256,
        request: Request<'a>,
        stamp: i64,
        nonce: u64,
    ) -> Request<'a> {
        let words = [
            LOGIN_TYPE.0,
            self.address.into_word().0,
            keccak256(stamp.to_string()).0,
            word(nonce),
            keccak256(MESSAGE).0,
        ];
        let digest = digest(domain, &keccak256(words.concat()));
        request
            .header("POLY_ADDRESS", self.address.to_checksum(None))
            .header("POLY_SIGNATURE", self.sign(&digest))
            .header("POLY_TIMESTAMP", stamp.to_string())
            .header("POLY_NONCE", nonce.to_string())
    }

    /// Signed with its key's secret (§4).
    pub(crate) fn signed<'a>(
        &self,
        server: &'a Server,
        method: &'static str,
        path: &str,
        body: &str,
    ) -> Request<'a> {
        self.signed_at(server, (method, path, body), 1_700_000_000)
    }

    pub(crate) fn signed_at<'a>(
        &self,
        server: &'a Server,
        (method, path, body): (&'static str, &str, &str),
        stamp: i64,
    ) -> Request<'a> {
        let bare = path.split('?').next().unwrap_or_default();
        let request = server
            .request(method, path)
            .header("POLY_ADDRESS", self.address.to_checksum(None))
            .header("POLY_SIGNATURE", self.mac(&format!("{stamp}{method}{bare}{body}")))
            .header("POLY_TIMESTAMP", stamp.to_string())
            .header("POLY_API_KEY", &self.key)
            .header("POLY_PASSPHRASE", &self.passphrase);
        if body.is_empty() { request } else { request.body(body) }
    }

    fn mac(&self, message: &str) -> String {
        let secret = URL_SAFE.decode(&self.secret).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).expect("any key");
        mac.update(message.as_bytes());
        URL_SAFE.encode(mac.finalize().into_bytes())
    }

    pub(crate) fn get(&self, server: &Server, path: &str) -> Answer {
        self.signed(server, "GET", path, "").send()
    }

    pub(crate) fn delete(&self, server: &Server, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.signed(server, "DELETE", path, &body).send()
    }

    pub(crate) fn post(&self, server: &Server, path: &str, body: &Value) -> Answer {
        self.signed(server, "POST", path, &body.to_string()).send()
    }

    /// What is posted for a draft (§5.4.1), and the order's id.
    pub(crate) fn order(&self, draft: &Draft) -> (Value, String) {
        let maker = draft.maker.unwrap_or(self.address);
        let token: U256 = draft.token.parse().expect("a number");
        let zero = B256::ZERO.to_string();
        let stamp = 1_700_000_000_000_u64;
        let [own, signer] = [maker, self.address].map(|address| address.into_word().0);
        let (side, kind) = (word(u64::from(draft.is_sell)), word(u64::from(draft.signature_type)));
        let amounts = [word(draft.gives), word(draft.wants)];
        let words = if draft.is_v1 {
            let expiration = u64::try_from(draft.expiration).expect("in the future");
            let last = [word(expiration), word(draft.nonce), word(draft.fee_rate_bps), side, kind];
            [&[V1_TYPE.0, word(draft.salt), own, signer, [0; 32], token.to_be_bytes()][..], &amounts, &last]
                .concat()
        } else {
            let last = [side, kind, word(stamp), [0; 32], [0; 32]];
            [&[V2_TYPE.0, word(draft.salt), own, signer, token.to_be_bytes()][..], &amounts, &last].concat()
        };
        let own = match (draft.is_v1, draft.is_neg_risk) {
            (true, _) => &FIRST,
            (false, false) => &STANDARD,
            (false, true) => &NEG_RISK,
        };
        let domain = draft.domain.as_ref().unwrap_or(own);
        let digest = digest(domain, &keccak256(words.concat()));
        let mut order = json!({
            "salt": draft.salt, "maker": maker.to_string(), "signer": self.address.to_string(),
            "tokenId": draft.token, "makerAmount": draft.gives.to_string(), "takerAmount": draft.wants.to_string(),
            "side": if draft.is_sell { "SELL" } else { "BUY" }, "expiration": draft.expiration.to_string(),
            "signatureType": draft.signature_type, "signature": self.sign(&digest),
        });
        let more = if draft.is_v1 {
            json!({"taker": Address::ZERO.to_string(), "nonce": draft.nonce.to_string(),
                "feeRateBps": draft.fee_rate_bps.to_string()})
        } else {
            json!({"timestamp": stamp.to_string(), "metadata": zero, "builder": zero})
        };
        order = crate::harness::with(&order, &more);
        let body =
            json!({"order": order, "owner": self.key, "orderType": draft.kind, "postOnly": draft.post_only});
        (body, digest.to_string())
    }

    pub(crate) fn place(&self, server: &Server, draft: &Draft) -> Answer {
        self.post(server, "/order", &self.order(draft).0)
    }

    /// Its cash in micro-dollars, what is reserved included.
    pub(crate) fn cash(&self, server: &Server) -> i64 {
        let found = self.get(server, "/balance-allowance?asset_type=COLLATERAL&signature_type=0");
        micros(&found.ok("a balance")["balance"])
    }

    /// Its shares of a token in millionths.
    pub(crate) fn shares(&self, server: &Server, token: &str) -> i64 {
        let path = format!("/balance-allowance?asset_type=CONDITIONAL&token_id={token}&signature_type=0");
        micros(&self.get(server, &path).ok("a balance")["balance"])
    }
}

/// The domain of log-ins on a chain (§3).
pub(crate) fn login_domain(chain: u64) -> B256 {
    let kind = keccak256("EIP712Domain(string name,string version,uint256 chainId)");
    keccak256([kind.0, keccak256("ClobAuthDomain").0, keccak256("1").0, word(chain)].concat())
}

/// V2's domain on a chain, for a contract (§6.2).
pub(crate) fn order_domain(chain: u64, contract: Address) -> B256 {
    let kind =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    let [name, version] = ["Polymarket CTF Exchange", "2"].map(|text| keccak256(text).0);
    keccak256([kind.0, name, version, word(chain), contract.into_word().0].concat())
}

fn micros(text: &Value) -> i64 {
    text.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no amount: {text}"))
}

fn digest(separator: &B256, hash: &B256) -> B256 {
    keccak256([&[0x19, 0x01], separator.as_slice(), hash.as_slice()].concat())
}
