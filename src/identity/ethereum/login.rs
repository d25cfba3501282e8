//! A wallet's log-in: the signed attestation that its holder controls it (polymarket-clob.md §3.2).

use super::typed_data::{Signature, digest, hash_struct, number};
use super::{AMOY, POLYGON};
use alloy_primitives::{Address, B256, U256, b256, hex, keccak256};

/// The chains a wallet may sign for. A log-in does not say which one it was.
pub const CHAINS: [u64; 2] = [POLYGON, AMOY];

/// The domain of log-ins on each of the chains.
pub(super) const SEPARATORS: [B256; 2] = [
    b256!("0xcfc66be2a3b30464cb3b588324101f660c9a205fa76e8e5f83ee16a528e1c4cb"),
    b256!("0xa1df8f4e3112eaee2448fbec9ab79f68278407e49d9cf52e3dd3d9692fcac9b6"),
];

/// `ClobAuth(address address,string timestamp,uint256 nonce,string message)`.
pub(super) const LOGIN_TYPE: B256 =
    b256!("0x52578c5c725a28a84fedc8c22aa47947822942f35b4dc350db028e45320e035c");
/// `This message attests that I control the given wallet`.
pub(super) const MESSAGE: B256 = b256!("0x474924bb27022542020023b4a52fb834ca5e3dd70b9a4d7e7fe9ca13228cbda3");

/// Who logged in, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    /// The wallet that signed.
    pub address: Address,
    /// Which of its keys it asks for.
    pub nonce: u64,
    /// The chain it signed for.
    pub chain: u64,
}

/// Who signed a log-in, from its headers as they came; none if that is not the address it names.
#[must_use]
pub fn recover_login(address_text: &str, timestamp: &str, nonce: &str, signature: &str) -> Option<Login> {
    let address = Address::new(from_hex(address_text)?);
    let nonce = from_decimal(nonce)?;
    let signature = Signature::parse(&from_hex::<65>(signature)?)?;
    let hash = login_hash(address, timestamp, nonce);
    CHAINS.into_iter().zip(SEPARATORS).find_map(|(chain, separator)| {
        let signer = signature.signer(&digest(&separator, &hash))?;
        (signer == address).then_some(Login { address, nonce, chain })
    })
}

/// The time is a text here: another spelling of the same second is another log-in.
pub(super) fn login_hash(address: Address, timestamp: &str, nonce: u64) -> B256 {
    let timestamp = keccak256(timestamp);
    hash_struct(&[LOGIN_TYPE.0, address.into_word().0, timestamp.0, number(U256::from(nonce)), MESSAGE.0])
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 2 * N)?;
    hex::decode_to_array(digits).ok()
}

/// Digits alone: a number's usual reading takes a sign too.
fn from_decimal(text: &str) -> Option<u64> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    if is_decimal { text.parse().ok() } else { None }
}
