//! What a payer signs so that a builder's fee may be pulled from it (parsec.md §9.8).

use super::POLYGON;
use super::typed_data::{Signature, digest, hash_struct, number};
use alloy_primitives::{Address, B256, U256, address, keccak256};

/// The contract that pulls fees.
pub const FEE_CONTRACT: Address = address!("bd25057b4d3252ca1ec26e1e5efb6480315ba142");

/// A payer's leave to pull a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullFee {
    /// Its id.
    pub order_id: B256,
    /// Who pays.
    pub payer: Address,
    /// How much, in micro-dollars.
    pub amount: u64,
    /// Until when, in unix seconds.
    pub deadline: u64,
}

/// Who signed a payer's leave, if anyone can have.
#[must_use]
pub fn recover_fee(fee: &PullFee, signature: &[u8]) -> Option<Address> {
    const DOMAIN: &str = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    const FEE: &str = "PullFee(bytes32 orderId,address payer,uint256 feeAmount,uint256 deadline)";
    let separator = hash_struct(&[
        keccak256(DOMAIN).0,
        keccak256("ParsecFeeEscrow").0,
        keccak256("1").0,
        number(U256::from(POLYGON)),
        FEE_CONTRACT.into_word().0,
    ]);
    let PullFee { order_id, payer, amount, deadline } = *fee;
    let members = [order_id.0, payer.into_word().0, number(U256::from(amount)), number(U256::from(deadline))];
    let hash = hash_struct(&[[keccak256(FEE).0].as_slice(), &members].concat());
    Signature::parse(signature)?.signer(&digest(&separator, &hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn a_fee_is_its_signers_and_nobody_elses_with_any_bit_changed() {
        let payer = address!("17c5185167401ed00cf5f5b2fc97d9bbfdb7d025");
        let fee =
            PullFee { order_id: B256::repeat_byte(0x11), payer, amount: 137_500, deadline: 1_773_100_800 };
        // By eth_account 0.13.7 with the private key 0x4242…42.
        let signature = hex::decode(SIGNATURE).expect("hex");
        assert_eq!(recover_fee(&fee, &signature), Some(payer));
        for other in [
            PullFee { order_id: B256::repeat_byte(0x10), ..fee },
            PullFee { payer: FEE_CONTRACT, ..fee },
            PullFee { amount: 137_501, ..fee },
            PullFee { deadline: 1_773_100_801, ..fee },
        ] {
            assert_ne!(recover_fee(&other, &signature), Some(payer), "{other:?}");
        }
    }

    const SIGNATURE: &str = "e1136b94463cbd48fe7bf90841c1a2b167ec6bffbd5002ab164438b946bbf5a66bac5170b0041a6b915ed67caa3821ba0fe92bd131ddb55ce058849ddd1587501c";
}
