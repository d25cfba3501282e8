//! Typed data (EIP-712): what of it a wallet signs, and who signed it.

use alloy_primitives::{Address, B256, Keccak256, U256, keccak256};
use k256::ecdsa::{self, VerifyingKey};
use k256::elliptic_curve::ops::{Invert, LinearCombination, Reduce};
use k256::elliptic_curve::point::DecompressPoint;
use k256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};
use subtle::Choice;

/// A member of a struct as the contracts encode it.
pub(super) type Word = [u8; 32];

/// A number as a member.
pub(super) fn number(value: U256) -> Word {
    value.to_be_bytes()
}

/// The hash of a struct: of its type's hash, then its members.
pub(super) fn hash_struct(words: &[Word]) -> B256 {
    keccak256(words.as_flattened())
}

/// What is signed of a struct in a domain.
pub(super) fn digest(separator: &B256, hash: &B256) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update([0x19_u8, 0x01]);
    hasher.update(separator);
    hasher.update(hash);
    hasher.finalize()
}

/// A signature that tells its signer, with all done that does not depend on what was signed: of an order several
/// domains may have to be tried.
///
/// `k256` recovers keys too, but at the end it verifies the signature with the key it has just solved for. That
/// nearly doubles the cost of an order and cannot fail, so it is left out; the tests compare the two.
pub(super) struct Signature {
    /// The point whose abscissa is `r`.
    nonce: ProjectivePoint,
    /// -1/r.
    by_digest: Scalar,
    /// s/r.
    by_nonce: Scalar,
}

impl Signature {
    /// Reads r, s and v; v is 27 or 28, or 0 or 1. A high s is as good as a low one: an order's id does not
    /// depend on its signature, so that its twin can do nothing that it cannot.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (v, scalars) = bytes.split_last()?;
        let parity = match v {
            0 | 27 => 0_u8,
            1 | 28 => 1,
            _ => return None,
        };
        // Refuses other lengths too, and scalars that are zero or beyond the group's order.
        let (r, s) = ecdsa::Signature::from_slice(scalars).ok()?.split_scalars();
        let abscissa = FieldBytes::from(*scalars.first_chunk::<32>()?);
        let nonce = Option::<AffinePoint>::from(AffinePoint::decompress(&abscissa, Choice::from(parity)))?;
        let inverse = r.invert_vartime();
        Some(Self { nonce: nonce.into(), by_digest: -*inverse, by_nonce: *inverse * *s })
    }

    /// Who signed a digest, if anyone can have.
    pub(super) fn signer(&self, digest: &B256) -> Option<Address> {
        let digest = <Scalar as Reduce<k256::U256>>::reduce_bytes(&FieldBytes::from(digest.0));
        let base = ProjectivePoint::GENERATOR;
        let point = ProjectivePoint::lincomb(&base, &(self.by_digest * digest), &self.nonce, &self.by_nonce);
        let key = VerifyingKey::from_affine(point.to_affine()).ok()?;
        Some(Address::from_public_key(&key))
    }
}
