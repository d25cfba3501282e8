//! Orders signed by a key of their own (types 0 to 2), against polymarket-clob.md §§6.1 to 6.4, 14.3 and 14.4.

use super::{OWNER, SAFE, SECRET, check_request, flipped, sign};
use crate::identity::ethereum::order::{DOMAINS, V1_TYPE, V2_TYPE, V2_TYPE_TEXT};
use crate::identity::ethereum::typed_data::{hash_struct, number};
use crate::identity::ethereum::{Form, Generation, Recovered, SignedOrder, digest_of, recover, struct_hash};
use alloy_primitives::{Address, B256, U256, address, b256, hex, keccak256};

const TOKEN: &str = "71321045679252212594626385532706912750332728571942532289631379312455583992563";

/// The vectors' first order of a form: buys 21.04 at 0.56.
pub(super) fn buy(form: Form) -> SignedOrder {
    SignedOrder {
        salt: U256::from(479_249_096_354_u64),
        maker: OWNER,
        signer: OWNER,
        taker: Address::ZERO,
        token: TOKEN.parse().unwrap(),
        maker_amount: U256::from(11_782_400),
        taker_amount: U256::from(21_040_000),
        expiration: U256::ZERO,
        nonce: U256::ZERO,
        fee_rate_bps: U256::ZERO,
        is_sell: false,
        signature_type: 0,
        timestamp: U256::from(1_700_000_000_000_u64),
        metadata: B256::ZERO,
        builder: B256::ZERO,
        generation: form,
    }
}

fn sell(form: Form) -> SignedOrder {
    let SignedOrder { maker_amount: wants, taker_amount: gives, .. } = buy(form);
    SignedOrder { maker_amount: gives, taker_amount: wants, is_sell: true, ..buy(form) }
}

struct Vector {
    name: &'static str,
    order: SignedOrder,
    is_neg_risk: bool,
    chain: u64,
    generation: Generation,
    hash: B256,
    id: B256,
    signature: [u8; 65],
}

fn v1_vectors() -> [Vector; 4] {
    let standard = Vector {
        name: "c1",
        order: buy(Form::V1),
        is_neg_risk: false,
        chain: 137,
        generation: Generation::V1,
        hash: b256!("4c9012daffaa31ce48216c37b547acb7d34d4ba69541e8b395772ff33191f7f0"),
        id: b256!("b4b76f31806813e91434f259c92a95112a53cac36ba01bcc125deec32774fc0d"),
        signature: hex!(
            "f62aa47683c432e0f231c87f3a70503f31ff15921c3bdba625fc2805b4da88a3"
            "7d064aeb44cbf40df84c2708437ae07f8ad19e8718873a14f33a4501237fe7aa1b"
        ),
    };
    let safe = Vector {
        name: "c2",
        order: SignedOrder {
            maker: SAFE,
            signature_type: 2,
            expiration: U256::from(1_800_000_000),
            nonce: U256::from(3),
            fee_rate_bps: U256::from(100),
            ..sell(Form::V1)
        },
        is_neg_risk: true,
        hash: b256!("259547f29d21210320829d6829f57ec5cc25b9fa3ecfd16827dd1b270fea5c25"),
        id: b256!("d96ddbcad9d9225842dfbd62b950b16cc6f49d428ffe57554e59d78ab5070676"),
        signature: hex!(
            "9b2e36b1648d655bd53561f972efe19cce87cd48c30e4e5b4f0ebe601dd71077"
            "20ed4366dc2e08a8399f530580cfb1557deed8e8dab616080608567fabad664b1c"
        ),
        ..standard
    };
    let amoy = Vector {
        name: "c3",
        order: sell(Form::V1),
        is_neg_risk: true,
        chain: 80_002,
        hash: b256!("f9408b3e29a5df43efae55c9a48628eec447924a8f1d6301b18708791d691db6"),
        id: b256!("33a9d3e4e9ed6e7cacc636783252bd95b85efc102d8574d18bda82a28469911d"),
        signature: hex!(
            "39cb4c19f776937bedcd7ef6a8596fffc2e422580dc3b5963b2202d35155f48c"
            "45b905a2ceb6db9517e3e99be4960f29854f15f7da87def260bf38db35c56b311c"
        ),
        ..standard
    };
    let market = Vector {
        name: "c4",
        order: SignedOrder {
            maker_amount: U256::from(10_000_000),
            taker_amount: U256::from(14_925_300),
            ..buy(Form::V1)
        },
        hash: b256!("cbb8b66bd0d9a7e198137c8152742147bb9b4c56b24a5c8b086e12572a9fd0fc"),
        id: b256!("b584bb38dcbe90dfd1e9d35aa8ce32595714d8183f9b49197105af0c33b59ad9"),
        signature: hex!(
            "c1c6bf0002d6c4983e4956e58c86353f76bab79ac1ffa64e46e4397674b42936"
            "51007883e9cddb88ac09c140cdda280af950ea1146c247ddeb48d84c89f499301b"
        ),
        ..standard
    };
    [standard, safe, amoy, market]
}

fn v2_vectors() -> [Vector; 5] {
    let standard = Vector {
        name: "d1",
        order: buy(Form::V2),
        is_neg_risk: false,
        chain: 137,
        generation: Generation::V2,
        hash: b256!("9a220582da4c0e5b65c079ed10e575bce2f4489dbf6388bff51044a1c4502d89"),
        id: b256!("c5484d8199434674b8cc434ec038a2c16ed9bfa3d19340290b28a579645b4b62"),
        signature: hex!(
            "7242f931edf4d5ab42d7748b0b9b9c06a35115a81441acd5599e83ce37dcf599"
            "2042ae8bea612194fc775b71b3415a97d5573555e32d7cacba0091eb958d24891c"
        ),
    };
    let neg_risk = Vector {
        name: "d2",
        order: SignedOrder {
            metadata: B256::repeat_byte(0x22),
            builder: B256::repeat_byte(0x11),
            expiration: U256::from(1_800_000_000),
            ..sell(Form::V2)
        },
        is_neg_risk: true,
        hash: b256!("a2d30bf024d9fab6f046879c24a8ac0349cdd3a23ef475ad916b6888cac49e93"),
        id: b256!("6a8b56fae11d08a16c2c2bf9dbb00491c8c392b51d056354064ab6bdbb6f98c2"),
        signature: hex!(
            "93c3e26ad31d2124975dec8d47b2da4c17b522ed80d9c9c872d95589f464ceab"
            "2d2960c5e6afa0a7f045d39c6f10253a1c642860cbb5d0c61bcae89826320c141c"
        ),
        ..standard
    };
    let amoy = Vector {
        name: "d3",
        order: buy(Form::V2),
        chain: 80_002,
        id: b256!("9f949aae7f8826b81f04049c73581d223e2930459cd6d3066353a6ca79eca45d"),
        signature: hex!(
            "298de5c3ea0c50bb915b8ec2d7a6d0a16417928fe126987e8aeeef57a0403c40"
            "25416692c0da203f1008c1b05213a75736022f50cd687808029482300cbbbcc61b"
        ),
        ..standard
    };
    let third = Vector {
        name: "d4",
        order: buy(Form::V2),
        generation: Generation::V3,
        id: b256!("95681c77206ba8acb06826b070b8550102851c54539164c0a141af40fd80d7d7"),
        signature: hex!(
            "898e8893518f59dcc44e6f919cfa3f84a1535537b2fc16d926d35e544342df8f"
            "6f26c1c4a6ed6957861c08c57474244b36c67d5afc3ef65cc577145a12a381981c"
        ),
        ..standard
    };
    let safe = Vector {
        name: "d5",
        order: SignedOrder { maker: SAFE, signature_type: 2, ..buy(Form::V2) },
        hash: b256!("7d9c093d3130b44dd5fbef4028edf1c654aaceb83724c6cd0543d405f0ce5344"),
        id: b256!("b551bec02af7b78cd205dc914f431fc67f0ab2048ebc74bafb6f82409fa909b1"),
        signature: hex!(
            "7364c32776e3c51606861db06c6d1395f83342e5e41055551b763121a3daf25d"
            "35c78aed5c1ac00a0101e4ff7e5581d4400a53655954b02d47090b74e80e8f621c"
        ),
        ..standard
    };
    [standard, neg_risk, amoy, third, safe]
}

fn vectors() -> impl Iterator<Item = Vector> {
    v1_vectors().into_iter().chain(v2_vectors())
}

#[test]
fn every_domain_is_that_of_its_parts() {
    let contracts = [
        address!("0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E"),
        address!("0xC5d563A36AE78145C45a50134d48A1215220f80a"),
        address!("0xE111180000d2663C0091e4f400237545B87B996B"),
        address!("0xe2222d279d744050d28e00520010520000310F59"),
        address!("0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"),
        address!("0xdFE02Eb6733538f8Ea35D585af8DE5958AD99E40"),
        address!("0xC5d563A36AE78145C45a50134d48A1215220f80a"),
        address!("0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296"),
        address!("0xE111180000d2663C0091e4f400237545B87B996B"),
        address!("0xe2222d279d744050d28e00520010520000310F59"),
        address!("0x9fE6e61422AdB6F610d8597F9684b16912D50C3D"),
    ];
    let domain_type = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    for (domain, contract) in DOMAINS.iter().zip(contracts) {
        let version = match domain.generation {
            Generation::V1 => "1",
            Generation::V2 => "2",
            Generation::V3 => "3",
        };
        let parts = [
            keccak256(domain_type).0,
            keccak256("Polymarket CTF Exchange").0,
            keccak256(version).0,
            number(U256::from(domain.chain)),
            contract.into_word().0,
        ];
        assert_eq!(hash_struct(&parts), domain.separator, "{version}, {}, {contract}", domain.chain);
    }
}

#[test]
fn every_type_is_hashed_from_its_text() {
    let v1 = "Order(uint256 salt,address maker,address signer,address taker,uint256 tokenId,uint256 makerAmount,\
              uint256 takerAmount,uint256 expiration,uint256 nonce,uint256 feeRateBps,uint8 side,\
              uint8 signatureType)";
    assert_eq!(keccak256(v1), V1_TYPE);
    assert_eq!(keccak256(V2_TYPE_TEXT), V2_TYPE);
}

#[test]
fn an_order_is_its_signers_and_its_id_is_what_was_signed() {
    for Vector { name, order, is_neg_risk, chain, generation, hash, id, signature } in vectors() {
        assert_eq!(struct_hash(&order), hash, "{name}");
        let recovered = Some(Recovered { owner: OWNER, digest: id, chain, generation });
        assert_eq!(recover(&order, &signature, is_neg_risk), recovered, "{name}");
        // Only V3 has one domain for both kinds of markets.
        let elsewhere = recovered.filter(|_| generation == Generation::V3);
        assert_eq!(recover(&order, &signature, !is_neg_risk), elsewhere, "{name}, in the other market");

        let mut other = signature;
        other[64] -= 27;
        assert_eq!(recover(&order, &other, is_neg_risk), recovered, "{name}, with another v");
    }
}

#[test]
fn an_order_signed_in_any_domain_is_found_there() {
    for domain in &DOMAINS {
        let form = if domain.generation == Generation::V1 { Form::V1 } else { Form::V2 };
        let order = SignedOrder { signature_type: 1, maker: SAFE, ..sell(form) };
        let digest = digest_of(&order, &domain.separator);
        let (chain, generation) = (domain.chain, domain.generation);
        let found = Some(Recovered { owner: OWNER, digest, chain, generation });
        for is_neg_risk in [false, true] {
            let expected = found.filter(|_| domain.fits(form, is_neg_risk));
            assert_eq!(recover(&order, &sign(&digest), is_neg_risk), expected, "{found:?}, {is_neg_risk}");
        }
    }
}

/// That no bit of a signature can be changed.
fn check_flips(vectors: impl IntoIterator<Item = Vector>) {
    for Vector { name, order, is_neg_risk, signature, .. } in vectors {
        for (bit, other) in flipped(&signature).enumerate() {
            assert_eq!(recover(&order, &other, is_neg_risk), None, "{name}, bit {bit}");
        }
    }
}

// Two tests, so that they run side by side: each solves for thousands of keys.
#[test]
fn a_v1_signature_that_differs_in_one_bit_is_refused() {
    check_flips(v1_vectors());
}

#[test]
fn a_v2_or_v3_signature_that_differs_in_one_bit_is_refused() {
    check_flips(v2_vectors());
}

type Change = fn(&mut SignedOrder);

/// Changes of a bit in what every form has.
pub(super) const SHARED: [(&str, Change); 16] = [
    ("the salt's first bit", |order| order.salt ^= U256::ONE << 255_usize),
    ("the salt's last bit", |order| order.salt ^= U256::ONE),
    ("the maker's first bit", |order| order.maker.0.0[0] ^= 0x80),
    ("the maker's last bit", |order| order.maker.0.0[19] ^= 1),
    ("the signer's first bit", |order| order.signer.0.0[0] ^= 0x80),
    ("the signer's last bit", |order| order.signer.0.0[19] ^= 1),
    ("the token's first bit", |order| order.token ^= U256::ONE << 255_usize),
    ("the token's last bit", |order| order.token ^= U256::ONE),
    ("a bit of what it gives", |order| order.maker_amount ^= U256::ONE << 20_usize),
    ("a bit of what it wants", |order| order.taker_amount ^= U256::ONE << 20_usize),
    ("the side", |order| order.is_sell = !order.is_sell),
    ("the signature type's bit 0", |order| order.signature_type ^= 1),
    ("the signature type's bit 1", |order| order.signature_type ^= 2),
    ("the signature type's bit 2", |order| order.signature_type ^= 4),
    ("the signature type's bit 7", |order| order.signature_type ^= 0x80),
    ("the form", |order| {
        order.generation = if order.generation == Form::V1 { Form::V2 } else { Form::V1 };
    }),
];

const OF_V1: [(&str, Change); 5] = [
    ("the taker's first bit", |order| order.taker.0.0[0] ^= 0x80),
    ("the taker's last bit", |order| order.taker.0.0[19] ^= 1),
    ("a bit of the expiration", |order| order.expiration ^= U256::ONE << 5_usize),
    ("a bit of the nonce", |order| order.nonce ^= U256::ONE),
    ("a bit of the fee", |order| order.fee_rate_bps ^= U256::ONE << 255_usize),
];

pub(super) const OF_V2: [(&str, Change); 5] = [
    ("the time's first bit", |order| order.timestamp ^= U256::ONE << 255_usize),
    ("the time's last bit", |order| order.timestamp ^= U256::ONE),
    ("a bit of the metadata", |order| order.metadata.0[0] ^= 0x80),
    ("the builder's first bit", |order| order.builder.0[0] ^= 0x80),
    ("the builder's last bit", |order| order.builder.0[31] ^= 1),
];

#[test]
fn an_order_that_differs_in_one_bit_is_refused_unless_its_form_has_none_such() {
    for Vector { name, order, is_neg_risk, signature, id, .. } in vectors() {
        let (own, others) = if order.generation == Form::V1 { (OF_V1, OF_V2) } else { (OF_V2, OF_V1) };
        for (change, apply) in SHARED.into_iter().chain(own) {
            let mut order = order.clone();
            apply(&mut order);
            assert_eq!(recover(&order, &signature, is_neg_risk), None, "{name}: {change}");
        }
        for (change, apply) in others {
            let mut order = order.clone();
            apply(&mut order);
            let recovered = recover(&order, &signature, is_neg_risk).map(|recovered| recovered.digest);
            assert_eq!(recovered, Some(id), "{name}: {change}");
        }
    }
}

#[test]
fn an_orders_signature_has_one_length_and_its_type_is_known() {
    let [Vector { order, signature, .. }, ..] = v2_vectors();
    let long = [signature.as_slice(), [0].as_slice()].concat();
    for other in [&signature[..0], &signature[..64], long.as_slice()] {
        assert_eq!(recover(&order, other, false), None, "{} bytes", other.len());
    }
    for (signature_type, is_known) in [(0, true), (1, true), (2, true), (3, false), (4, false), (255, false)]
    {
        let order = SignedOrder { signature_type, ..order.clone() };
        let signature = sign(&digest_of(&order, &DOMAINS[2].separator));
        assert_eq!(recover(&order, &signature, false).is_some(), is_known, "type {signature_type}");
    }
}

#[test]
fn a_key_of_its_own_trades_its_own_money() {
    for maker in [OWNER, SAFE] {
        let order = SignedOrder { maker, ..buy(Form::V2) };
        let signature = sign(&digest_of(&order, &DOMAINS[2].separator));
        assert_eq!(recover(&order, &signature, false).is_some(), maker == OWNER, "{maker}");
    }
}

#[test]
fn the_bodies_of_orders_are_signed_as_they_are_sent() {
    let v1 = concat!(
        r#"{"order":{"salt":479249096354,"maker":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","#,
        r#""signer":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","#,
        r#""taker":"0x0000000000000000000000000000000000000000","#,
        r#""tokenId":"71321045679252212594626385532706912750332728571942532289631379312455583992563","#,
        r#""makerAmount":"11782400","takerAmount":"21040000","expiration":"0","nonce":"0","feeRateBps":"0","#,
        r#""side":"BUY","signatureType":0,"#,
        r#""signature":"0xf62aa47683c432e0f231c87f3a70503f31ff15921c3bdba625fc2805b4da88a3"#,
        r#"7d064aeb44cbf40df84c2708437ae07f8ad19e8718873a14f33a4501237fe7aa1b"},"#,
        r#""owner":"0f6f1d2e-6a4b-4c1d-9c39-6f1f2a3b4c5d","orderType":"GTC","postOnly":false}"#,
    );
    let v2 = concat!(
        r#"{"order":{"salt":479249096354,"maker":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","#,
        r#""signer":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","#,
        r#""tokenId":"71321045679252212594626385532706912750332728571942532289631379312455583992563","#,
        r#""makerAmount":"11782400","takerAmount":"21040000","side":"BUY","expiration":"0","#,
        r#""signatureType":0,"timestamp":"1700000000000","#,
        r#""metadata":"0x0000000000000000000000000000000000000000000000000000000000000000","#,
        r#""builder":"0x0000000000000000000000000000000000000000000000000000000000000000","#,
        r#""signature":"0x7242f931edf4d5ab42d7748b0b9b9c06a35115a81441acd5599e83ce37dcf599"#,
        r#"2042ae8bea612194fc775b71b3415a97d5573555e32d7cacba0091eb958d24891c"},"#,
        r#""owner":"0f6f1d2e-6a4b-4c1d-9c39-6f1f2a3b4c5d","orderType":"GTC","deferExec":false,"#,
        r#""postOnly":false}"#,
    );
    let cases = [
        (v1, "nwLewtKWIZ1muW7UnwjJ3q1Ky2ZfVTDHQ-Mnf2DlG8E="),
        (v2, "xTbHj1UjEVmAEjJ6Xix6bT6tbQhmsltZC0iKrDqnCg8="),
    ];
    for (body, signature) in cases {
        check_request(SECRET, ["1700000000", "POST", "/order", body], signature);
    }
}
