//! What a customer's credentials reach, however its requests come in each other's way.

use super::*;
use crate::exchange::Event;
use crate::identity::{NewEndUser, Print};
use crate::types::{
    KeyId, MarketId, NewOrder, OrderId, OrderKind, Outcome, Price, Shares, Side, Size, Terms, TimeInForce,
};
use crate::world::record::Command;
use crate::world::scenario::{Scenario, Secrets, resolve};

const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);
const KALSHI: Venue = Venue::Kalshi;

/// The ready world, and one end user of its first builder.
struct Desk {
    state: State,
    builder: UserId,
    key: KeyId,
    end_user: UserId,
}

impl Desk {
    fn new() -> Self {
        let genesis = resolve(&Scenario::builtin(), 7, NOON, true, &Secrets::new(7, None));
        let mut state = State::new();
        let begin = Command::Begin(Box::new(genesis.expect("the builtin scenario")));
        state.apply(NOON, &begin, &mut Vec::new(), &mut Vec::new()).expect("it begins");
        let builder =
            state.identity().users().find(|(_, user)| user.name == "builder").expect("there is one").0;
        let scheme = |key: &identity::Key| key.scheme == identity::Scheme::Parsec;
        let key = state.identity().keys_of(builder).find(|(_, key)| scheme(key)).expect("it has one").0;
        let mut desk = Self { state, builder, key, end_user: builder };
        desk.end_user = desk.make("walter", 0).expect("made");
        desk
    }

    fn run(&mut self, command: &Command) -> Result<Receipt, Reject> {
        let (mut events, mut notes) = (Vec::new(), Vec::new());
        let outcome = self.state.apply(NOON, command, &mut events, &mut notes);
        self.state.check().expect("it is sound");
        outcome
    }

    fn by(&self, customer: UserId) -> Authority {
        Authority::Customer { key: self.key, customer, linked: None }
    }

    fn build(&mut self, command: identity::Command) -> Result<Receipt, Reject> {
        let by = self.by(self.builder);
        self.run(&Command::Identity { by, command })
    }

    fn make(&mut self, external_id: &str, generation: u32) -> Result<UserId, Reject> {
        let mut customer = [0; 16];
        customer[..external_id.len()].copy_from_slice(external_id.as_bytes());
        let text = format!("pk_live_{external_id}_{generation}");
        let new = NewEndUser {
            external_id: external_id.to_owned(),
            qps_limit: None,
            customer,
            generation,
            print: Print { hash: identity::hash_secret(&text), prefix: text },
        };
        self.build(identity::Command::CreateEndUser(self.builder, new))?;
        Ok(self.state.identity().end_user(self.builder, external_id).expect("it was made").0)
    }

    fn end(&mut self, user: UserId) {
        self.build(identity::Command::DeactivateEndUser(self.builder, user)).expect("it is the builder's");
    }

    fn ask(&mut self, customer: UserId, command: CustomerCommand) -> Result<AccountId, Reject> {
        let by = self.by(customer);
        let receipt = self.run(&Command::Customer { by, command: Box::new(command) })?;
        let Receipt::Selected(account) = receipt else { panic!("{receipt:?} selects nothing") };
        Ok(account)
    }

    fn link(&mut self, customer: UserId, credential: u8) -> Result<AccountId, Reject> {
        let proof = Proof::Credential { venue: KALSHI, digest: [credential; 32] };
        self.ask(customer, CustomerCommand::Link { venue: KALSHI, proof, trades: true, sealed: None })
    }

    /// One share bought far below everyone, so that it rests, on the account that the customer is linked to.
    fn order(&mut self, customer: UserId, linked: AccountId, account: AccountId) -> Result<OrderId, Reject> {
        let is_open = |market: &&exchange::Market| market.spec.venue == KALSHI && !market.is_resolved();
        let market = self.state.exchange().markets().iter().find(is_open).expect("Kalshi has one").id;
        let by = Authority::Customer { key: self.key, customer, linked: Some((KALSHI, linked)) };
        let order = low_bid(account, market);
        let place = Command::Place { by, order, claim: None, client_order_id: None, signed: None, fee: None };
        let receipt = self.run(&place)?;
        let Receipt::Exchange(exchange::Receipt::Placed { order, .. }) = receipt else {
            panic!("{receipt:?} is no order")
        };
        Ok(order)
    }

    fn is_open(&self, order: OrderId) -> bool {
        self.state.exchange().orders().find(order).is_some()
    }
}

fn low_bid(account: AccountId, market: MarketId) -> NewOrder {
    NewOrder {
        account,
        market,
        outcome: Outcome::Yes,
        side: Side::Buy,
        kind: OrderKind::Limit,
        size: Size::Shares(Shares::from_whole(5)),
        limit: Price::clamped(100),
        tif: TimeInForce::Gtc,
        post_only: false,
        terms: Terms::PLAIN,
    }
}

fn safe_of(eoa: Address) -> NewWallet {
    let proof = Proof::Credential { venue: Venue::Polymarket, digest: [9; 32] };
    NewWallet { kind: WalletKind::Safe, eoa, safe: Some(Address::ZERO), chain: 137, sealed: None, proof }
}

#[test]
fn to_name_somebody_s_address_gives_nobody_its_account_even_while_a_wallet_ends() {
    let mut desk = Desk::new();
    let whale = desk.state.identity().users().find_map(|(_, user)| user.wallet).expect("somebody signs");
    let (_, purse) = selected(desk.state.identity(), &Proof::Wallet(whale)).expect("it has an account");
    assert_eq!(purse, Purse::Polymarket);
    desk.ask(desk.end_user, CustomerCommand::Manage(safe_of(whale))).expect("made");
    // Somebody who saw the wallet asks again, and what ends it comes first.
    desk.end(desk.end_user);
    assert_eq!(desk.ask(desk.end_user, CustomerCommand::Renew), Err(Reject::UserNotFound));
    desk.make("walter", 1).expect("made anew");
    assert_eq!(desk.ask(desk.end_user, CustomerCommand::Renew), Err(Reject::WalletNotFound));
    assert_eq!(desk.state.customers().link(desk.end_user, Venue::Polymarket), None);
}

#[test]
fn who_was_deactivated_is_linked_to_nothing_until_it_is_made_anew() {
    let mut desk = Desk::new();
    desk.link(desk.end_user, 1).expect("linked");
    desk.end(desk.end_user);
    assert_eq!(desk.link(desk.end_user, 1), Err(Reject::UserNotFound));
    assert_eq!(
        desk.ask(desk.end_user, CustomerCommand::Manage(safe_of(Address::ZERO))),
        Err(Reject::UserNotFound)
    );
    assert_eq!(desk.state.customers().venues(desk.end_user).count(), 0);
    desk.make("walter", 1).expect("made anew");
    desk.link(desk.end_user, 1).expect("linked");
}

#[test]
fn an_order_meant_for_one_account_does_not_come_to_the_one_that_is_linked_after_it() {
    let mut desk = Desk::new();
    let first = desk.link(desk.end_user, 1).expect("linked");
    let second = desk.link(desk.end_user, 2).expect("linked");
    assert_ne!(first, second);
    assert_eq!(desk.order(desk.end_user, first, first), Err(Reject::NotLinked(KALSHI)));
    desk.order(desk.end_user, second, second).expect("placed");
}

#[test]
fn with_an_end_user_its_own_orders_end_and_nobody_else_s_on_the_same_account() {
    let mut desk = Desk::new();
    let (walter, willa) = (desk.end_user, desk.make("willa", 0).expect("made"));
    let account = desk.link(walter, 1).expect("linked");
    assert_eq!(desk.link(willa, 1), Ok(account), "the same credentials are the same account");
    let own = desk.order(walter, account, account).expect("placed");
    let other = desk.order(willa, account, account).expect("placed");
    desk.end(walter);
    assert_eq!((desk.is_open(own), desk.is_open(other)), (false, true));
}

#[test]
fn a_builder_s_command_has_the_builder_s_word_and_no_end_user_s() {
    let mut desk = Desk::new();
    let limit = identity::Command::LimitEndUser(desk.builder, desk.end_user, 9);
    for by in [desk.by(desk.end_user), Authority::Session(desk.builder), Authority::Key(desk.key)] {
        let asked = Command::Identity { by, command: limit.clone() };
        assert_eq!(desk.run(&asked), Err(Reject::NotEntitled), "{by:?}");
    }
    assert_eq!(desk.build(limit), Ok(Receipt::Done));
}

#[test]
fn what_a_deleted_user_was_linked_to_is_forgotten() {
    let mut desk = Desk::new();
    desk.link(desk.end_user, 1).expect("linked");
    let delete = identity::Command::DeleteUser(desk.end_user);
    desk.run(&Command::Identity { by: Authority::System, command: delete }).expect("deleted");
    assert_eq!(desk.state.customers().venues(desk.end_user).count(), 0);
}

#[test]
fn the_cash_that_is_set_aside_counts_like_the_order_s_own() {
    let mut desk = Desk::new();
    let account = desk.link(desk.end_user, 1).expect("linked");
    let cash = desk.state.exchange().account(account).expect("it is there").cash;
    let is_open = |market: &&exchange::Market| market.spec.venue == KALSHI && !market.is_resolved();
    let market = desk.state.exchange().markets().iter().find(is_open).expect("Kalshi has one").id;
    let mut order = low_bid(account, market);
    // The order needs 5 cents: one micro-dollar too much is set aside besides.
    order.terms.set_aside = cash - Usd::from_micros(50_000) + Usd::from_micros(1);
    let fee = crate::world::FeeHold { id: [1; 32], until: NOON.plus_millis(1), payee: None, share_bps: 0 };
    let by = desk.by(desk.end_user);
    let place = |order| Command::Place {
        by,
        order,
        claim: None,
        client_order_id: None,
        signed: None,
        fee: Some(Box::new(fee.clone())),
    };
    let needed = cash + Usd::from_micros(1);
    assert_eq!(desk.run(&place(order)), Err(Reject::InsufficientFunds { needed, available: cash }));
    order.terms.set_aside -= Usd::from_micros(1);
    assert!(desk.run(&place(order)).is_ok());
    let purse = desk.state.exchange().account(account).expect("it is there");
    assert_eq!((purse.available(), purse.escrow), (Usd::ZERO, order.terms.set_aside));
    let mut events = Vec::new();
    let cancel = exchange::Command::CancelAll { account, market: None, outcome: None };
    let cancel = Command::Exchange { by: Authority::System, command: cancel };
    desk.state.apply(NOON, &cancel, &mut events, &mut Vec::new()).expect("canceled");
    assert!(events.contains(&Event::Released { account, amount: order.terms.set_aside }));
    assert_eq!(desk.state.exchange().account(account).expect("it is there").available(), cash);
}
