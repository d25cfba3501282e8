//! What it costs to know whose a signed order is (polymarket-clob.md §6.6), beside what one public-key recovery costs
//! with the library alone. The orders are the vectors of §14.

use alloy_primitives::{Address, B256, Signature, U256, address, b256, hex};
use divan::{Bencher, black_box};
use papertape::service::ethereum::{Form, SignedOrder, recover};

const SIGNER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
/// §14.4 (d1): V2, on Polygon.
const D1: &str = "7242f931edf4d5ab42d7748b0b9b9c06a35115a81441acd5599e83ce37dcf5992042ae8bea612194fc775b71b3415a97d557355\
                  5e32d7cacba0091eb958d24891c";
const D1_ID: B256 = b256!("c5484d8199434674b8cc434ec038a2c16ed9bfa3d19340290b28a579645b4b62");
/// §14.4 (d3): the same on Amoy, so that another domain is tried first.
const D3: &str = "298de5c3ea0c50bb915b8ec2d7a6d0a16417928fe126987e8aeeef57a0403c4025416692c0da203f1008c1b05213a75736022f5\
                  0cd687808029482300cbbbcc61b";

fn main() {
    divan::main();
}

fn order() -> SignedOrder {
    SignedOrder {
        salt: U256::from(479_249_096_354_u64),
        maker: SIGNER,
        signer: SIGNER,
        taker: Address::ZERO,
        token: "71321045679252212594626385532706912750332728571942532289631379312455583992563"
            .parse()
            .expect("a number"),
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
        generation: Form::V2,
    }
}

/// The floor: the library's own recovery of one digest's signer.
#[divan::bench]
fn library_recovery(bencher: Bencher<'_, '_>) {
    let signature = Signature::from_raw(&hex::decode(D1).expect("hexadecimal")).expect("a signature");
    bencher.bench_local(|| {
        let signer = black_box(&signature).recover_address_from_prehash(&D1_ID).expect("somebody");
        assert_eq!(signer, SIGNER);
    });
}

/// An order for the chain that everybody uses.
#[divan::bench]
fn order_on_polygon(bencher: Bencher<'_, '_>) {
    let (order, signature) = (order(), hex::decode(D1).expect("hexadecimal"));
    bencher.bench_local(|| {
        let recovered = recover(black_box(&order), black_box(&signature), false).expect("it is signed");
        assert_eq!((recovered.owner, recovered.digest), (SIGNER, D1_ID));
    });
}

/// An order for the test network: three domains are tried.
#[divan::bench]
fn order_on_amoy(bencher: Bencher<'_, '_>) {
    let (order, signature) = (order(), hex::decode(D3).expect("hexadecimal"));
    bencher.bench_local(|| {
        let recovered = recover(black_box(&order), black_box(&signature), false).expect("it is signed");
        assert_eq!(recovered.owner, SIGNER);
    });
}
