//! Random customers: a builder's end users, what they prove to have, and whose word their orders have.

use super::commands::Chooser;
use papertape::identity::{self, NewEndUser};
use papertape::types::{AccountId, Address, KeyId, UserId, Venue};
use papertape::world::{Authority, Command, CustomerCommand, NewWallet, Proof, WalletKind};

/// The builder of the scenario, and its key.
const BUILDER: (UserId, KeyId) = (UserId(4), KeyId(4));

/// Anything that a builder asks for, or somebody with credentials of their own.
pub(crate) fn command(chooser: &mut Chooser<'_>) -> Command {
    if chooser.random.chance(400) {
        let command = about_end_users(chooser);
        let by = Authority::Customer { key: BUILDER.1, customer: BUILDER.0, linked: None };
        return Command::Identity { by, command };
    }
    let command = match chooser.random.below(6) {
        0 => CustomerCommand::Select(proof(chooser)),
        1 => CustomerCommand::Manage(wallet(chooser)),
        2 => CustomerCommand::Renew,
        _ => {
            let proof = proof(chooser);
            let (venue, trades) = (proof.venue(), chooser.random.chance(700));
            CustomerCommand::Link { venue, proof, trades, sealed: None }
        }
    };
    let by = Authority::Customer { key: BUILDER.1, customer: end_user(chooser), linked: None };
    Command::Customer { by, command: Box::new(command) }
}

/// The builder's key for one of its end users, linked or with credentials in the request.
pub(crate) fn authority(chooser: &mut Chooser<'_>) -> Authority {
    let (key, customer) = (BUILDER.1, end_user(chooser));
    let venue = [None, Some(Venue::Polymarket), Some(Venue::Kalshi)][chooser.random.index(3)];
    let linked = venue.map(|venue| {
        let link = chooser.state.customers().link(customer, venue);
        (venue, link.map_or(AccountId(1), |link| link.account))
    });
    Authority::Customer { key, customer, linked }
}

/// Hardly ever somebody else.
fn end_user(chooser: &mut Chooser<'_>) -> UserId {
    let all: Vec<_> = chooser.state.identity().end_users(BUILDER.0, None).map(|(user, _)| user).collect();
    match all.get(chooser.random.index(all.len() + 1)) {
        Some(user) if chooser.random.chance(950) => *user,
        _ => chooser.user(),
    }
}

fn about_end_users(chooser: &mut Chooser<'_>) -> identity::Command {
    let (builder, user) = (BUILDER.0, end_user(chooser));
    match chooser.random.below(8) {
        0 => identity::Command::LimitEndUser(builder, user, 1 + small(chooser, 50)),
        1 => identity::Command::DeactivateEndUser(builder, user),
        _ => {
            let external_id = format!("end-user-{}", small(chooser, 12));
            let known = chooser.state.identity().end_user(builder, &external_id);
            let generation = known.map_or(0, |(_, end_user)| end_user.generation + 1);
            let mut customer = [0; 16];
            customer[..8].copy_from_slice(&chooser.random.below(u64::MAX).to_le_bytes());
            let print = chooser.print();
            let new = NewEndUser { external_id, qps_limit: None, customer, generation, print };
            identity::Command::CreateEndUser(builder, new)
        }
    }
}

/// Few credentials, so that one comes again, and some whose wallet somebody signs with.
fn proof(chooser: &mut Chooser<'_>) -> Proof {
    let byte = u8::try_from(small(chooser, 6)).expect("small");
    match chooser.random.below(4) {
        0 => Proof::Wallet(Address::repeat_byte(byte)),
        1 => Proof::Credential { venue: Venue::Polymarket, digest: [byte; 32] },
        _ => Proof::Credential { venue: Venue::Kalshi, digest: [byte | 0x80; 32] },
    }
}

fn wallet(chooser: &mut Chooser<'_>) -> NewWallet {
    let eoa = Address::repeat_byte(u8::try_from(small(chooser, 6)).expect("small") + 50);
    let proof = Proof::Wallet(eoa);
    NewWallet { kind: WalletKind::Eoa, eoa, safe: None, chain: 137, sealed: None, proof }
}

fn small(chooser: &mut Chooser<'_>, limit: u64) -> u32 {
    u32::try_from(chooser.random.below(limit)).expect("small")
}
