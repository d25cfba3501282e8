//! The contract wallets of an address. Where they are deployed follows from the owner alone (CREATE2), so that
//! they are known before they exist (polymarket-clob.md §6.7).

use alloy_primitives::{Address, B256, address, b256, hex, keccak256};

const PROXY_FACTORY: Address = address!("0xaB45c5A4B0c941a2F231C04C3f49182e1A254052");
/// The hash of a proxy's creation code, which is the same for all owners.
pub(super) const PROXY_CODE: B256 =
    b256!("0xd21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b");
const SAFE_FACTORY: Address = address!("0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b");
/// The hash of a Safe's creation code, which is the same for all owners.
const SAFE_CODE: B256 = b256!("0x2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf");
const DEPOSIT_FACTORY: Address = address!("0x00000000000Fb5C9ADea0298D729A0CB3823Cc07");

/// The creation code of a deposit wallet around the contract it delegates to; its arguments come last. Its second and
/// third byte are the length of what it deploys, those 64 bytes of arguments included.
struct Creation {
    before: [u8; 10],
    delegate: Address,
    after: &'static [u8],
}

/// A proxy whose implementation can be replaced (UUPS).
const UPGRADEABLE: Creation = Creation {
    before: hex!("61007d3d8160233d3973"),
    delegate: address!("0x58CA52ebe0DadfdF531Cde7062e76746de4Db1eB"),
    after: &hex!(
        "6009"
        "5155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076"
        "cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3"
    ),
};

/// A proxy that asks a beacon for its implementation.
const BEACON: Creation = Creation {
    before: hex!("6100923d8160233d3973"),
    delegate: address!("0x7A18EDfe055488A3128f01F563e5B479D92ffc3a"),
    after: &hex!(
        "60195155f3363d3d373d3d363d602036600436635c60da"
        "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
        "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
    ),
};

/// The contract wallets of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wallets {
    /// That of an e-mail log-in (signature type 1).
    pub proxy: Address,
    /// That of a browser's wallet (signature type 2).
    pub safe: Address,
    /// The deposit wallet (signature type 3).
    pub deposit: Address,
    /// The deposit wallet of the other kind, behind a beacon (signature type 3).
    pub deposit_beacon: Address,
}

/// The contract wallets that an address owns, deployed or not.
#[must_use]
pub fn derived(owner: Address) -> Wallets {
    let padded = owner.into_word();
    Wallets {
        proxy: PROXY_FACTORY.create2(keccak256(owner), PROXY_CODE),
        safe: SAFE_FACTORY.create2(keccak256(padded), SAFE_CODE),
        deposit: deposit(&UPGRADEABLE, padded),
        deposit_beacon: deposit(&BEACON, padded),
    }
}

fn deposit(creation: &Creation, owner: B256) -> Address {
    let arguments = [DEPOSIT_FACTORY.into_word().0, owner.0];
    let arguments = arguments.as_flattened();
    let code = [creation.before.as_slice(), creation.delegate.as_slice(), creation.after, arguments].concat();
    DEPOSIT_FACTORY.create2(keccak256(arguments), keccak256(code))
}
