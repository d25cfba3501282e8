//! Log-ins, requests, wallets and the curve, against polymarket-clob.md §§6.7, 14.1 and 14.2.

mod orders;
mod wrapped;

use super::derived::PROXY_CODE;
use super::login::{LOGIN_TYPE, MESSAGE, SEPARATORS, login_hash};
use super::typed_data::{Signature, digest, hash_struct, number};
use super::{CHAINS, Login, Wallets, derived, recover_login, sign_request, verifies};
use alloy_primitives::{Address, B256, U256, address, b256, hex, keccak256};
use k256::ecdsa::SigningKey;

/// The well-known development key that signed every vector.
const KEY: [u8; 32] = hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
const OWNER: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const OWNER_TEXT: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const SAFE: Address = address!("0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47");

/// The shared secret, and 32 zero bytes.
const SECRET: &str = "4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8=";
const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Everything that differs from some bytes in one bit.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(move |bit| {
        let mut other = bytes.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        other
    })
}

/// The development key's signature of a digest.
fn sign(digest: &B256) -> Vec<u8> {
    let key = SigningKey::from_slice(&KEY).unwrap();
    let (signature, parity) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
    [&signature.to_bytes()[..], [27 + parity.to_byte()].as_slice()].concat()
}

struct LoginVector {
    chain: u64,
    timestamp: &'static str,
    nonce: &'static str,
    hash: B256,
    digest: B256,
    signature: &'static str,
}

const LOGINS: [LoginVector; 3] = [
    LoginVector {
        chain: 137,
        timestamp: "1700000000",
        nonce: "0",
        hash: b256!("c1620afeef6a5bbe844b0ac9d2ad2d1213fe13f98f78542ddfcf57356148ebb4"),
        digest: b256!("c85352894b3c41f3ea6152479d64b9233fbaf2de87eabc7e4bba3a161fd28493"),
        signature: concat!(
            "0x659ed4b28ae28e0f038fdf0023c00863c9559caacb9ebc83f44eea87059a099a",
            "36f1e1dee110e7faa1c4f65d17489b2da1333ebef78bbe2116d81207b975052d1c"
        ),
    },
    LoginVector {
        chain: 137,
        timestamp: "1700000000",
        nonce: "7",
        hash: b256!("232735db5a8776d9dd0ccc55ec471035d15bc08bb66d86812d2420ebc084f052"),
        digest: b256!("aff2941f38a2bec9866bbfed9dc91e7b41a839150a7510aaf5cb63c720ae1746"),
        signature: concat!(
            "0x97a73b8c74adc876de09ce390e278770c5c9166ab06ac33ff6619e5c48e23e47",
            "2acd37a0c1f330a61420c5c21b2cb21588b35630e8d73c99e586a659f5a478581c"
        ),
    },
    LoginVector {
        chain: 80_002,
        timestamp: "10000000",
        nonce: "23",
        hash: b256!("11100b50654a1fcdab3af4f391788034786202690bb9319db16fd3f335ef643c"),
        digest: b256!("8f442df8073c9cf2e36d7b20ca9d64d1a9352e982cc82a293b7de2df57920610"),
        signature: concat!(
            "0xf62319a987514da40e57e2f4d7529f7bac38f0355bd88bb5adbb3768d80de6c1",
            "682518e0af677d5260366425f4361e7b70c25ae232aff0ab2331e2b164a1aedc1b"
        ),
    },
];

#[test]
fn the_domain_of_logins_is_that_of_its_parts() {
    let domain_type = keccak256("EIP712Domain(string name,string version,uint256 chainId)");
    for (chain, separator) in CHAINS.into_iter().zip(SEPARATORS) {
        let [name, version] = ["ClobAuthDomain", "1"].map(|text| keccak256(text).0);
        let parts = [domain_type.0, name, version, number(U256::from(chain))];
        assert_eq!(hash_struct(&parts), separator, "{chain}");
    }
    let login_type = "ClobAuth(address address,string timestamp,uint256 nonce,string message)";
    assert_eq!(keccak256(login_type), LOGIN_TYPE);
    assert_eq!(keccak256("This message attests that I control the given wallet"), MESSAGE);
}

#[test]
fn a_login_is_its_signers() {
    for LoginVector { chain, timestamp, nonce, hash, digest: signed, signature } in LOGINS {
        let number = nonce.parse().unwrap();
        assert_eq!(login_hash(OWNER, timestamp, number), hash, "{nonce}");
        let at = CHAINS.iter().position(|one| *one == chain).unwrap();
        assert_eq!(digest(&SEPARATORS[at], &hash), signed, "{nonce}");

        let login = Some(Login { address: OWNER, nonce: number, chain });
        let lower = OWNER_TEXT.to_lowercase();
        let upper = format!("0x{}", OWNER_TEXT[2..].to_uppercase());
        for address in [OWNER_TEXT, &lower, &upper] {
            assert_eq!(recover_login(address, timestamp, nonce, signature), login, "{address} {nonce}");
        }
        let (scalars, v) = signature.split_at(signature.len() - 2);
        let other_v = if v == "1b" { "00" } else { "01" };
        let other = format!("{scalars}{other_v}");
        assert_eq!(recover_login(OWNER_TEXT, timestamp, nonce, &other), login, "{nonce} with another v");
    }
}

#[test]
fn a_login_that_differs_in_one_bit_is_refused() {
    for LoginVector { timestamp, nonce, signature, .. } in LOGINS {
        for (bit, other) in flipped(&hex::decode(signature).unwrap()).enumerate() {
            let other = hex::encode_prefixed(other);
            assert_eq!(recover_login(OWNER_TEXT, timestamp, nonce, &other), None, "{nonce}, bit {bit}");
        }
        for (bit, other) in flipped(OWNER.as_slice()).enumerate().step_by(11) {
            let other = hex::encode_prefixed(other);
            assert_eq!(recover_login(&other, timestamp, nonce, signature), None, "{nonce}, bit {bit}");
        }
    }
}

#[test]
fn a_login_whose_parts_are_malformed_or_others_is_refused() {
    let LoginVector { timestamp, nonce, signature, .. } = LOGINS[0];
    let zeros = format!("0x{}", "0".repeat(130));
    let ones = format!("0x{}", "f".repeat(130));
    let cases = [
        ("no prefix of the address", &OWNER_TEXT[2..], timestamp, nonce, signature),
        ("a second prefix", "0x0x9Fd6e51aad88F6F4ce6aB8827279cffFb92266", timestamp, nonce, signature),
        ("a digit less", &OWNER_TEXT[..41], timestamp, nonce, signature),
        ("a digit that is none", "0xg39Fd6e51aad88F6F4ce6aB8827279cffFb92266", timestamp, nonce, signature),
        ("no address", "", timestamp, nonce, signature),
        ("another time", OWNER_TEXT, "1700000001", nonce, signature),
        ("the same time, spelt otherwise", OWNER_TEXT, "01700000000", nonce, signature),
        ("another nonce", OWNER_TEXT, timestamp, "1", signature),
        ("no nonce", OWNER_TEXT, timestamp, "", signature),
        ("a nonce with a sign", OWNER_TEXT, timestamp, "+0", signature),
        ("a negative nonce", OWNER_TEXT, timestamp, "-0", signature),
        ("a nonce with a space", OWNER_TEXT, timestamp, " 0", signature),
        ("a nonce in hex", OWNER_TEXT, timestamp, "0x0", signature),
        ("a nonce beyond 64 bits", OWNER_TEXT, timestamp, "18446744073709551616", signature),
        ("no prefix of the signature", OWNER_TEXT, timestamp, nonce, &signature[2..]),
        ("a byte less", OWNER_TEXT, timestamp, nonce, &signature[..130]),
        ("no signature", OWNER_TEXT, timestamp, nonce, ""),
        ("a signature of zeros", OWNER_TEXT, timestamp, nonce, zeros.as_str()),
        ("a signature of ones", OWNER_TEXT, timestamp, nonce, ones.as_str()),
    ];
    for (name, address, timestamp, nonce, signature) in cases {
        assert_eq!(recover_login(address, timestamp, nonce, signature), None, "{name}");
    }
}

/// A request, its time first, and its signature.
struct Request {
    secret: &'static str,
    parts: [&'static str; 4],
    signature: &'static str,
}

const REQUESTS: [Request; 8] = [
    Request {
        secret: SECRET,
        parts: ["1700000000", "GET", "/data/orders", ""],
        signature: "dn1ZACcUVk7iIcz6vHa898wp7Y6KqLkXBBBrW-IuSyk=",
    },
    Request {
        secret: SECRET,
        parts: ["1700000000", "DELETE", "/order", r#"{"orderID":"0xabc"}"#],
        signature: "DuPjZhmeWZ0pfOwT0HCqQ2GeMT0CNWRpXCZwQ70OLeo=",
    },
    Request {
        secret: SECRET,
        parts: ["1700000000", "DELETE", "/cancel-all", ""],
        signature: "WBlPiJ742kY-okSKOmjZ6i6vwhFUuD6rxtJFYO49-zU=",
    },
    Request {
        secret: SECRET,
        parts: ["1700000000", "POST", "/x", r#"{"note":"it's"}"#],
        signature: "DxEOvJ2ENDJOvFUBNb3Lq4zwd6oK0dH-vIWkRSlBaBk=",
    },
    Request {
        secret: SECRET,
        parts: ["1700000000", "POST", "/x", r#"{"note":"it"s"}"#],
        signature: "g2bnaEQvjg8hLzhoDMcn206C_cm0bbovMrj-KV4n9Fk=",
    },
    Request {
        secret: ZEROS,
        parts: ["1000000", "test-sign", "/orders", r#"{"hash":"0x123"}"#],
        signature: "4gJVbox-R6XlDK4nlaicig0_ANVL1qdcahiL8CXfXLM=",
    },
    Request {
        secret: ZEROS,
        parts: ["1000000", "test-sign", "/orders", r#"{"hash": "0x123"}"#],
        signature: "ZwAdJKvoYRlEKDkNMwd5BuwNNtg93kNaR_oU2HrfVvc=",
    },
    Request {
        secret: ZEROS,
        parts: ["1", "GET", "/", ""],
        signature: "eHaylCwqRSOa2LFD77Nt_SaTpbsxzN8eTEI3LryhEj4=",
    },
];

fn is_accepted(secret: &str, signature: &str, [timestamp, method, path, body]: [&str; 4]) -> bool {
    verifies(secret, signature, timestamp, method, path, body.as_bytes())
}

/// That a request is signed as documented, and that its signature is accepted with no bit of it changed.
fn check_request(secret: &str, parts: [&str; 4], signature: &str) {
    let signed = sign_request(secret, &parts.map(str::as_bytes));
    assert_eq!(signed.as_deref(), Some(signature), "{parts:?}");
    assert!(is_accepted(secret, signature, parts), "{parts:?}");
    for other in flipped(signature.as_bytes()).filter_map(|other| String::from_utf8(other).ok()) {
        assert!(!is_accepted(secret, &other, parts), "{parts:?} {other}");
    }
    for (at, part) in parts.into_iter().enumerate() {
        let others = flipped(part.as_bytes()).filter_map(|other| String::from_utf8(other).ok());
        for other in others.step_by(5) {
            let mut changed = parts;
            changed[at] = &other;
            assert!(!is_accepted(secret, signature, changed), "{changed:?}");
        }
    }
}

#[test]
fn a_request_is_signed_with_its_keys_secret() {
    for Request { secret, parts, signature } in REQUESTS {
        check_request(secret, parts, signature);
    }
}

#[test]
fn single_quotes_may_be_signed_as_double_ones_and_not_the_other_way() {
    let [_, _, _, single, double, ..] = REQUESTS;
    assert!(is_accepted(SECRET, double.signature, single.parts));
    assert!(!is_accepted(SECRET, single.signature, double.parts));
}

#[test]
fn a_secret_may_be_in_either_alphabet_but_is_padded() {
    let Request { parts, signature, .. } = REQUESTS[0];
    let cases = [
        ("the URL's", SECRET, true),
        ("the standard one", "4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=", true),
        ("a mixture", "4OHi4-Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=", false),
        ("no padding", "4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8", false),
        ("neither", "4OHi4!", false),
        ("nothing", "", false),
        ("another", ZEROS, false),
    ];
    for (name, secret, is_right) in cases {
        assert_eq!(is_accepted(secret, signature, parts), is_right, "{name}");
        let signed = sign_request(secret, &parts.map(str::as_bytes));
        assert_eq!(signed.as_deref() == Some(signature), is_right, "{name}");
    }
    assert!(!is_accepted(SECRET, signature.trim_end_matches('='), parts), "the signature is padded too");
    assert!(!is_accepted(SECRET, "", parts), "no signature");
}

#[test]
fn an_owners_wallets_are_where_the_factories_put_them() {
    let wallets = Wallets {
        proxy: address!("0x365f0CA36Ae1f641E02fE3B7743673da42A13A70"),
        safe: SAFE,
        deposit: address!("0xdf8b9E8f9AB23f261F6e1B171B7454ae6E46Ba76"),
        deposit_beacon: address!("0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50"),
    };
    assert_eq!(derived(OWNER), wallets);

    // From the factory and the implementation it clones; then what the clone is told at once.
    let code = hex!(
        "3d3d606380380380913d393d73" "aB45c5A4B0c941a2F231C04C3f49182e1A254052"
        "5af4602a57600080fd5b602d8060366000396000f3363d3d373d3d3d363d73"
        "44e999d5c2F66Ef0861317f9A4805AC2e90aEB4f" "5af43d82803e903d91602b57fd5bf352e831dd"
        "0000000000000000000000000000000000000000000000000000000000000020"
        "0000000000000000000000000000000000000000000000000000000000000000"
    );
    assert_eq!(keccak256(code), PROXY_CODE);
}

/// The plain recovery, which verifies what it found.
fn plain(signature: &[u8], digest: &B256) -> Option<Address> {
    let signature = alloy_primitives::Signature::from_raw(signature).ok()?;
    signature.recover_address_from_prehash(digest).ok()
}

fn fast(signature: &[u8], digest: &B256) -> Option<Address> {
    Signature::parse(signature)?.signer(digest)
}

#[test]
fn the_fast_recovery_agrees_with_the_plain_one() {
    for LoginVector { nonce, digest, signature, .. } in LOGINS {
        let signature = hex::decode(signature).unwrap();
        assert_eq!(fast(&signature, &digest), Some(OWNER), "{nonce}");
        // The last byte aside: the plain one takes more of them.
        for other in flipped(&signature).take(512) {
            assert_eq!(fast(&other, &digest), plain(&other, &digest), "{}", hex::encode(&other));
        }
        for other in flipped(digest.as_slice()).step_by(7) {
            let other = B256::from_slice(&other);
            assert_eq!(fast(&signature, &other), plain(&signature, &other), "{other}");
        }
    }
    for digest in [B256::ZERO, B256::repeat_byte(0xff), B256::with_last_byte(1)] {
        assert_eq!(fast(&sign(&digest), &digest), Some(OWNER), "{digest}");
    }
}

#[test]
fn a_signature_outside_of_the_group_has_no_signer() {
    let order = hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let [one, zero] = [U256::ONE, U256::ZERO].map(number);
    // Times this digest, the base point is the nonce's, so that the key would be the point at infinity.
    let base = hex!("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    let cases = [
        ("r is zero", zero, one, 27),
        ("s is zero", base, zero, 27),
        ("r is the order", order, one, 27),
        ("s is the order", base, order, 27),
        ("no point has this abscissa", number(U256::from(5)), one, 27),
        ("v is none", base, one, 26),
        ("v names a chain", base, one, 37),
        ("the key is no point", base, one, 27),
    ];
    for (name, r, s, v) in cases {
        let signature = [r.as_slice(), s.as_slice(), [v].as_slice()].concat();
        assert_eq!(fast(&signature, &B256::new(one)), None, "{name}");
    }
    let LoginVector { digest, signature, .. } = LOGINS[0];
    let signature = hex::decode(signature).unwrap();
    for length in [0, 1, 64] {
        assert!(Signature::parse(&signature[..length]).is_none(), "{length} bytes");
    }
    assert!(Signature::parse(&[signature.as_slice(), [0].as_slice()].concat()).is_none(), "66 bytes");

    // s and n - s are twins, with the other parity: both are its signer's.
    let s = U256::from_be_bytes(order) - U256::from_be_slice(&signature[32..64]);
    let twin = [&signature[..32], number(s).as_slice(), [27].as_slice()].concat();
    assert_eq!(signature[64], 28);
    assert_eq!(fast(&twin, &digest), Some(OWNER));
}
