//! Signed orders: their hashes, and whose they are (polymarket-clob.md §§6.1 to 6.6).

use super::typed_data::{Signature, digest, hash_struct, number};
use super::{AMOY, POLYGON};
use alloy_primitives::{Address, B256, U256, b256};

/// The hash of V1's type.
pub(super) const V1_TYPE: B256 = b256!("0xa852566c4e14d00869b6db0220888a9090a13eccdaea03713ff0a3d27bf9767c");
/// V2's and V3's type, which a deposit wallet's signature carries in full.
pub(super) const V2_TYPE_TEXT: &str = "Order(uint256 salt,address maker,address signer,uint256 tokenId,\
    uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,\
    bytes32 builder)";
/// Its hash.
pub(super) const V2_TYPE: B256 = b256!("0xbb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589");
/// The hash of the type that a deposit wallet's owner signs, which wraps an order and names the wallet.
pub(super) const WRAPPED_TYPE: B256 =
    b256!("0x6ba028565cb324c2aa02bb714b9816d0bddd557a2f33bb36cf13272a4256bd42");
/// The hash of a deposit wallet's name, `DepositWallet`.
pub(super) const WALLET_NAME: B256 =
    b256!("0xd682b529a17cda19aa275f3a050608f9e9401fadd1b0d233d81519972295828b");
/// The hash of a deposit wallet's version, `1`.
pub(super) const WALLET_VERSION: B256 =
    b256!("0xc89efdaa54c0f20c7adf612882df0950f5a951637e0307cdcb4c672f298b8bc6");

/// The generations of the exchange's contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// The first: an order's expiry is signed, and so is a nonce.
    V1,
    /// The second: an order's time and who built it are signed.
    V2,
    /// The third: V2's order in a domain of its own.
    V3,
}

/// The two forms an order has on the wire. V3 looks like V2 and differs in its domain alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As V1 has it.
    V1,
    /// As V2 and V3 have it.
    V2,
}

/// An order as it was signed. What its form does not have does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOrder {
    /// A random number that makes it unlike any other.
    pub salt: U256,
    /// Whose money it trades.
    pub maker: Address,
    /// Whose signature it has.
    pub signer: Address,
    /// V1: the only one who may take it, or zero.
    pub taker: Address,
    /// The outcome's token.
    pub token: U256,
    /// What it gives.
    pub maker_amount: U256,
    /// What it wants.
    pub taker_amount: U256,
    /// V1: when it ends, in seconds, or zero.
    pub expiration: U256,
    /// V1: the maker's nonce on the exchange.
    pub nonce: U256,
    /// V1: the fee it agrees to.
    pub fee_rate_bps: U256,
    /// Whether it gives shares.
    pub is_sell: bool,
    /// What kind of wallet the maker is, 0 to 3.
    pub signature_type: u8,
    /// V2: when it was made, in milliseconds.
    pub timestamp: U256,
    /// V2: whatever its maker notes.
    pub metadata: B256,
    /// V2: whose client made it, or zero.
    pub builder: B256,
    /// Which form it has.
    pub generation: Form,
}

/// Whose order it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The key that signed. Of a deposit wallet's order anyone may have: the caller must know the owner.
    pub owner: Address,
    /// The order's id, whatever it was that was signed.
    pub digest: B256,
    /// The chain it was signed for.
    pub chain: u64,
    /// The contracts it was signed for.
    pub generation: Generation,
}

/// Which markets a contract trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Markets {
    Standard,
    NegRisk,
    Both,
}

/// A contract that orders are signed for.
pub(super) struct Domain {
    pub(super) generation: Generation,
    pub(super) chain: u64,
    markets: Markets,
    pub(super) separator: B256,
}

/// All of them, in the order they are tried. V1's clients know two contracts for Amoy's neg-risk markets.
pub(super) static DOMAINS: [Domain; 11] = [
    Domain {
        generation: Generation::V1,
        chain: POLYGON,
        markets: Markets::Standard,
        separator: b256!("0x1a573e3617c78403b5b4b892827992f027b03d4eaf570048b8ee8cdd84d151be"),
    },
    Domain {
        generation: Generation::V1,
        chain: POLYGON,
        markets: Markets::NegRisk,
        separator: b256!("0x82cb6aa85babb812f4b521a12b10f0cbc68d2b44be7bc02c047004f544adb49f"),
    },
    Domain {
        generation: Generation::V2,
        chain: POLYGON,
        markets: Markets::Standard,
        separator: b256!("0x3264e159346253e26a64e00b69032db0e7d32f94628de3e6eecb50304d7af3d2"),
    },
    Domain {
        generation: Generation::V2,
        chain: POLYGON,
        markets: Markets::NegRisk,
        separator: b256!("0x9b858f53327b0bd13af8ec14cfb35234fb9eb7b0504d1a4e61f433840d30e81a"),
    },
    Domain {
        generation: Generation::V3,
        chain: POLYGON,
        markets: Markets::Both,
        separator: b256!("0x466c63910185bbd55e8679264200c4e0abdcbb0c6264eb3d41d13326022e095b"),
    },
    Domain {
        generation: Generation::V1,
        chain: AMOY,
        markets: Markets::Standard,
        separator: b256!("0x44b180a7e548e2d916b5410176db13a07744966f9b6c93c4bccdabebbcdfca93"),
    },
    Domain {
        generation: Generation::V1,
        chain: AMOY,
        markets: Markets::NegRisk,
        separator: b256!("0x9fa10822e4b86fd1eed68ea1c2628e0ee9a6c523cb2570592768432cfdb09bf1"),
    },
    Domain {
        generation: Generation::V1,
        chain: AMOY,
        markets: Markets::NegRisk,
        separator: b256!("0x99482d105ff5a1b784f0ecde2173e4bacb02bed0a14e76c5c484649367f8528f"),
    },
    Domain {
        generation: Generation::V2,
        chain: AMOY,
        markets: Markets::Standard,
        separator: b256!("0xa440cbd865bc0c6243d7a8df9a8bf48a8827b0a4abbb61c30e96d305423af148"),
    },
    Domain {
        generation: Generation::V2,
        chain: AMOY,
        markets: Markets::NegRisk,
        separator: b256!("0x1468e39841f0a0e05d3762b235cb7acecabf8cd7b6d3a672965a5d415bf9378e"),
    },
    Domain {
        generation: Generation::V3,
        chain: AMOY,
        markets: Markets::Both,
        separator: b256!("0xdf8b5fd204134b8d562677d7fc9346884e8f02ef2fd43358239393723e8833e6"),
    },
];

impl Domain {
    /// Whether an order of a form, for a market of a kind, can be signed in it.
    pub(super) fn fits(&self, form: Form, is_neg_risk: bool) -> bool {
        let has_form = match self.generation {
            Generation::V1 => form == Form::V1,
            Generation::V2 | Generation::V3 => form == Form::V2,
        };
        let has_market = match self.markets {
            Markets::Standard => !is_neg_risk,
            Markets::NegRisk => is_neg_risk,
            Markets::Both => true,
        };
        has_form && has_market
    }

    fn recovered(&self, owner: Address, hash: &B256) -> Recovered {
        let Self { generation, chain, .. } = *self;
        Recovered { owner, digest: digest(&self.separator, hash), chain, generation }
    }
}

/// Whose order it is; none unless its signature is the one it names, for a market of this kind.
#[must_use]
pub fn recover(order: &SignedOrder, signature: &[u8], is_neg_risk: bool) -> Option<Recovered> {
    match order.signature_type {
        0 if order.maker != order.signer => None,
        0..=2 => signed_by_key(order, signature, is_neg_risk),
        3 => signed_for_wallet(order, signature, is_neg_risk),
        4.. => None,
    }
}

/// What is signed of an order in a domain, which is its id.
#[must_use]
pub fn digest_of(order: &SignedOrder, separator: &B256) -> B256 {
    digest(separator, &struct_hash(order))
}

/// The hash of an order, the same in all domains of its form.
#[must_use]
pub fn struct_hash(order: &SignedOrder) -> B256 {
    let [maker, signer, taker] =
        [order.maker, order.signer, order.taker].map(|address| address.into_word().0);
    let [salt, token, gives, wants] =
        [order.salt, order.token, order.maker_amount, order.taker_amount].map(number);
    let side = number(U256::from(u8::from(order.is_sell)));
    let kind = number(U256::from(order.signature_type));
    match order.generation {
        Form::V1 => {
            let [expiration, nonce, fee] = [order.expiration, order.nonce, order.fee_rate_bps].map(number);
            hash_struct(&[
                V1_TYPE.0, salt, maker, signer, taker, token, gives, wants, expiration, nonce, fee, side,
                kind,
            ])
        }
        Form::V2 => {
            let [timestamp, metadata, builder] = [number(order.timestamp), order.metadata.0, order.builder.0];
            hash_struct(&[
                V2_TYPE.0, salt, maker, signer, token, gives, wants, side, kind, timestamp, metadata, builder,
            ])
        }
    }
}

fn domains(form: Form, is_neg_risk: bool) -> impl Iterator<Item = &'static Domain> {
    DOMAINS.iter().filter(move |domain| domain.fits(form, is_neg_risk))
}

/// Signed by the address it names.
fn signed_by_key(order: &SignedOrder, signature: &[u8], is_neg_risk: bool) -> Option<Recovered> {
    let signature = Signature::parse(signature)?;
    let hash = struct_hash(order);
    domains(order.generation, is_neg_risk).find_map(|domain| {
        let recovered = domain.recovered(order.signer, &hash);
        let signer = signature.signer(&recovered.digest)?;
        (signer == order.signer).then_some(recovered)
    })
}

/// Signed by somebody for the deposit wallet it names (type 3). The signature carries what its contract rebuilds
/// the signed text from: the domain's separator, the order's hash, the order's type and how long that is.
fn signed_for_wallet(order: &SignedOrder, signature: &[u8], is_neg_risk: bool) -> Option<Recovered> {
    if order.generation == Form::V1 || order.signer != order.maker {
        return None;
    }
    let hash = struct_hash(order);
    let (signature, rest) = signature.split_at_checked(65)?;
    let (separator, rest) = rest.split_first_chunk::<32>()?;
    let (contents, rest) = rest.split_first_chunk::<32>()?;
    let (order_type, length) = rest.split_last_chunk::<2>()?;
    let is_whole = usize::from(u16::from_be_bytes(*length)) == order_type.len();
    if *contents != hash.0 || order_type != V2_TYPE_TEXT.as_bytes() || !is_whole {
        return None;
    }
    let domain = domains(order.generation, is_neg_risk).find(|domain| domain.separator.0 == *separator)?;
    let wrapped = hash_struct(&[
        WRAPPED_TYPE.0,
        hash.0,
        WALLET_NAME.0,
        WALLET_VERSION.0,
        number(U256::from(domain.chain)),
        order.signer.into_word().0,
        B256::ZERO.0,
    ]);
    let owner = Signature::parse(signature)?.signer(&digest(&domain.separator, &wrapped))?;
    Some(domain.recovered(owner, &hash))
}
