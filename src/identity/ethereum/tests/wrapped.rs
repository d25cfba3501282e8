//! Orders signed for a deposit wallet (type 3), against polymarket-clob.md §§6.6 and 14.4 (e).

use super::orders::{OF_V2, SHARED, buy};
use super::{OWNER, SAFE, flipped, sign};
use crate::identity::ethereum::order::{DOMAINS, V2_TYPE_TEXT, WALLET_NAME, WALLET_VERSION, WRAPPED_TYPE};
use crate::identity::ethereum::typed_data::{Signature, digest, hash_struct, number};
use crate::identity::ethereum::{Form, Generation, Recovered, SignedOrder, digest_of, recover, struct_hash};
use alloy_primitives::{Address, B256, U256, address, b256, hex, keccak256};

const SEPARATOR: B256 = b256!("3264e159346253e26a64e00b69032db0e7d32f94628de3e6eecb50304d7af3d2");
const CONTENTS: B256 = b256!("c57d0a589b93c09bbee435e7d4bb20b2f81cdf40edab83a2eee0b28b183d2b96");
const INNER: [u8; 65] = hex!(
    "cd90f7e96f99f94a1d1c320284d19f68752ce6f7d464ca6f5deff90373b89af3"
    "6e8b4b8547dc2baa2e687b67fb92501a1df539c687e1e34fe9fbd1137caac4e61c"
);

fn order() -> SignedOrder {
    let wallet = address!("0x1111111111111111111111111111111111111111");
    SignedOrder { maker: wallet, signer: wallet, signature_type: 3, ..buy(Form::V2) }
}

/// What goes over the wire.
fn wire(inner: &[u8], separator: B256, contents: B256) -> Vec<u8> {
    let length = [0x00, 0xba];
    [inner, separator.as_slice(), contents.as_slice(), V2_TYPE_TEXT.as_bytes(), length.as_slice()].concat()
}

fn vector() -> Vec<u8> {
    wire(&INNER, SEPARATOR, CONTENTS)
}

/// The owner of the vector's order, whoever signed that.
fn owner_of(order: &SignedOrder, signature: &[u8]) -> Option<Address> {
    recover(order, signature, false).map(|recovered| recovered.owner)
}

/// What a wallet's owner signs.
fn wrapped(order: &SignedOrder, chain: u64) -> B256 {
    let wrapped_type = "TypedDataSign(Order contents,string name,string version,uint256 chainId,\
                        address verifyingContract,bytes32 salt)";
    hash_struct(&[
        keccak256(format!("{wrapped_type}{V2_TYPE_TEXT}")).0,
        struct_hash(order).0,
        keccak256("DepositWallet").0,
        keccak256("1").0,
        number(U256::from(chain)),
        order.signer.into_word().0,
        [0; 32],
    ])
}

#[test]
fn the_wrapping_type_is_hashed_from_its_text() {
    let text = "TypedDataSign(Order contents,string name,string version,uint256 chainId,\
                address verifyingContract,bytes32 salt)Order(uint256 salt,address maker,address signer,\
                uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,\
                uint256 timestamp,bytes32 metadata,bytes32 builder)";
    assert_eq!(keccak256(text), WRAPPED_TYPE);
    assert_eq!(keccak256("DepositWallet"), WALLET_NAME);
    assert_eq!(keccak256("1"), WALLET_VERSION);
}

#[test]
fn a_deposit_wallets_order_is_its_owners() {
    let id = b256!("6df76a400f02b04e7da30431333d05f9263d725913173908df0ac9bc8550085c");
    let wrapped_hash = b256!("e59a33a67e162159aa3402789afab492f6e819b542b11ed20ad0132ae5ce4663");
    let inner_digest = b256!("f24e425e708a6be7869d9c4dd4b8a0a73eb4bc5747b7daa4470727a4bd889f5e");
    assert_eq!(vector().len(), 317);
    assert_eq!(struct_hash(&order()), CONTENTS);
    assert_eq!(digest_of(&order(), &SEPARATOR), id);
    assert_eq!(wrapped(&order(), 137), wrapped_hash);
    assert_eq!(digest(&SEPARATOR, &wrapped_hash), inner_digest);
    assert_eq!(Signature::parse(&INNER).and_then(|inner| inner.signer(&inner_digest)), Some(OWNER));

    let recovered = Recovered { owner: OWNER, digest: id, chain: 137, generation: Generation::V2 };
    assert_eq!(recover(&order(), &vector(), false), Some(recovered));
    assert_eq!(recover(&order(), &vector(), true), None, "in the other market");
}

#[test]
fn a_deposit_wallets_order_is_found_in_any_domain() {
    for domain in &DOMAINS {
        let order = order();
        let inner = sign(&digest(&domain.separator, &wrapped(&order, domain.chain)));
        let signature = wire(&inner, domain.separator, CONTENTS);
        let recovered = Recovered {
            owner: OWNER,
            digest: digest_of(&order, &domain.separator),
            chain: domain.chain,
            generation: domain.generation,
        };
        for is_neg_risk in [false, true] {
            let expected = Some(recovered).filter(|_| domain.fits(Form::V2, is_neg_risk));
            assert_eq!(recover(&order, &signature, is_neg_risk), expected, "{recovered:?}, {is_neg_risk}");
        }
    }
}

#[test]
fn a_deposit_wallets_signature_that_differs_in_one_bit_is_not_its_owners() {
    for (bit, other) in flipped(&vector()).enumerate() {
        assert_ne!(owner_of(&order(), &other), Some(OWNER), "bit {bit}");
        if bit >= 65 * 8 {
            assert_eq!(owner_of(&order(), &other), None, "bit {bit}");
        }
    }
}

#[test]
fn a_deposit_wallets_order_that_differs_in_one_bit_is_refused() {
    for (change, apply) in SHARED.into_iter().chain(OF_V2) {
        let mut order = order();
        apply(&mut order);
        assert_eq!(owner_of(&order, &vector()), None, "{change}");
        // Nor does it help to rewrite what the signature says of it.
        let rewritten = wire(&INNER, SEPARATOR, struct_hash(&order));
        assert_ne!(owner_of(&order, &rewritten), Some(OWNER), "{change}");
    }
    let expires = SignedOrder { expiration: U256::from(1_800_000_000), ..order() };
    assert_eq!(owner_of(&expires, &vector()), Some(OWNER), "what its form does not have does not count");
}

#[test]
fn a_deposit_wallets_signature_is_whole_and_names_its_wallet_twice() {
    let vector = vector();
    let delegated = [vector.as_slice(), [0x64, 0x92].repeat(16).as_slice()].concat();
    let cases = [
        ("nothing", Vec::new()),
        ("the inner signature alone", INNER.to_vec()),
        ("no length", vector[..315].to_vec()),
        ("half a length", vector[..316].to_vec()),
        ("more behind it", [vector.as_slice(), [0].as_slice()].concat()),
        ("a delegated key's", delegated),
        ("another domain's", wire(&INNER, DOMAINS[3].separator, CONTENTS)),
        ("V1's domain", wire(&INNER, DOMAINS[0].separator, CONTENTS)),
        ("no domain", wire(&INNER, B256::ZERO, CONTENTS)),
    ];
    for (name, signature) in cases {
        assert_eq!(owner_of(&order(), &signature), None, "{name}");
    }

    let plain = sign(&digest_of(&order(), &SEPARATOR));
    assert_ne!(owner_of(&order(), &wire(&plain, SEPARATOR, CONTENTS)), Some(OWNER), "the order's own digest");
    // Everything agrees, but the money is another wallet's.
    let foreign = SignedOrder { maker: SAFE, ..order() };
    let inner = sign(&digest(&SEPARATOR, &wrapped(&foreign, 137)));
    let signature = wire(&inner, SEPARATOR, struct_hash(&foreign));
    assert_eq!(owner_of(&foreign, &signature), None, "another maker");
    let first_form = SignedOrder { generation: Form::V1, ..order() };
    let inner = sign(&digest(&SEPARATOR, &wrapped(&first_form, 137)));
    let signature = wire(&inner, SEPARATOR, struct_hash(&first_form));
    assert_eq!(owner_of(&first_form, &signature), None, "V1 has no deposit wallets");
}
