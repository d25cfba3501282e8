//! Signing in with a wallet (EIP-4361): a text that says what for, signed as a message (EIP-191).

use super::typed_data::Signature;
use alloy_primitives::{Address, eip191_hash_message, hex};

/// The longest text that is read, in bytes.
const MESSAGE_MAX: usize = 4_096;
/// How the first line ends, after the name of whom it is signed for.
const ASKS: &str = " wants you to sign in with your Ethereum account:";

/// What somebody signed to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIn<'a> {
    /// The wallet that it names.
    pub address: Address,
    /// What it was asked to repeat.
    pub nonce: &'a str,
    /// When it was written, as in RFC 3339.
    pub issued_at: &'a str,
    /// Until when it holds, the same way.
    pub expires_at: Option<&'a str>,
    /// From when on.
    pub not_before: Option<&'a str>,
}

impl<'a> SignIn<'a> {
    /// Reads a text; none if it is no such one, or one of another version.
    #[must_use]
    pub fn parse(message: &'a str) -> Option<Self> {
        if message.len() > MESSAGE_MAX {
            return None;
        }
        let mut lines = message.lines();
        lines.next()?.strip_suffix(ASKS).filter(|domain| !domain.is_empty())?;
        let address = lines.next()?.parse().ok()?;
        // What it says in between is for people.
        let mut fields = lines.skip_while(|line| !line.starts_with("URI: ")).skip(1).peekable();
        let mut field = |name: &str| {
            let value = fields.peek()?.strip_prefix(name)?;
            fields.next();
            Some(value)
        };
        field("Version: ").filter(|version| *version == "1")?;
        field("Chain ID: ")?.parse::<u64>().ok()?;
        let (nonce, issued_at) = (field("Nonce: ")?, field("Issued At: ")?);
        let expires_at = field("Expiration Time: ");
        Some(Self { address, nonce, issued_at, expires_at, not_before: field("Not Before: ") })
    }
}

/// Whether a wallet signed a message: `0x` and 65 bytes.
#[must_use]
pub fn signed_message(address: Address, message: &str, signature: &str) -> bool {
    let bytes = signature.strip_prefix("0x").and_then(|digits| hex::decode_to_array::<_, 65>(digits).ok());
    let signature = bytes.and_then(|bytes| Signature::parse(&bytes));
    let signer = signature.and_then(|signature| signature.signer(&eip191_hash_message(message)));
    signer == Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of EIP-4361, with a statement.
    const EXAMPLE: &str = "example.com wants you to sign in with your Ethereum account:\n\
        0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2\n\
        \n\
        I accept the ExampleOrg Terms of Service: https://example.com/tos\n\
        \n\
        URI: https://example.com/login\n\
        Version: 1\n\
        Chain ID: 1\n\
        Nonce: 32891756\n\
        Issued At: 2021-09-30T16:25:24Z\n\
        Resources:\n\
        - ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/\n\
        - https://example.com/my-web2-claim.json";

    #[test]
    fn the_example_of_the_proposal_is_read() {
        let read = SignIn::parse(EXAMPLE).expect("it is one");
        assert_eq!(read.address.to_checksum(None), "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2");
        assert_eq!((read.nonce, read.issued_at), ("32891756", "2021-09-30T16:25:24Z"));
        assert_eq!((read.expires_at, read.not_before), (None, None));
    }

    #[test]
    fn a_text_that_lacks_something_is_none() {
        for line in EXAMPLE.lines().filter(|line| !line.is_empty() && !line.starts_with(['-', 'I', 'R'])) {
            let without: Vec<_> = EXAMPLE.lines().filter(|other| *other != line).collect();
            assert_eq!(SignIn::parse(&without.join("\n")), None, "without {line}");
        }
        for (from, to) in [("Version: 1", "Version: 2"), ("Chain ID: 1", "Chain ID: x"), ("0xC0", "C0x0")] {
            assert_eq!(SignIn::parse(&EXAMPLE.replace(from, to)), None, "{to}");
        }
        assert_eq!(SignIn::parse(&format!("{EXAMPLE}{}", "x".repeat(MESSAGE_MAX))), None);
    }

    #[test]
    fn a_message_is_signed_by_whom_it_was_signed() {
        // From ethers.js's documentation of hashMessage: the hash of "Hello World".
        let hash = eip191_hash_message("Hello World");
        assert_eq!(hash.to_string(), "0xa1de988600a42c4b4ab089b619297c17d53cffae5d5120d82d8a92d0bb3b78f2");
        let address = Address::ZERO;
        for signature in ["", "0x", "x", &format!("0x{}", "0".repeat(130))] {
            assert!(!signed_message(address, "Hello World", signature), "{signature}");
        }
    }
}
