//! The stored form, pinned: a world written by one version must be readable by the next.
//!
//! If one of these tests fails, the stored form has changed. Before the first release write the files anew
//! with `GOLDEN=write cargo test --lib golden`; after it raise the version, keep the old file and its test,
//! and read both.

use super::{SimDisk, batch_of, open_as};
use crate::exchange::{
    self, Event, FeeSchedule, Holding, MarketFacts, MarketSpec, Moved, OpenAccount, Party, Placed, Role,
    Settlement, TickRange, Trade, Window,
};
use crate::identity::{
    self, Cohort, GateChange, Gates, Identity, Key, NewKey, OwnKey, Permissions, Print, Scheme, Tier, Tiers,
    User, WalletKey, WalletKeyKind, Whom,
};
use crate::types::{
    AccountId, Address, CloseReason, GroupId, KeyId, MarketId, NewOrder, OrderId, OrderKind, Outcome, Payout,
    Price, Sequence, Shares, Side, Size, Terms, TimeInForce, Timestamp, TradeId, Usd, UserId, Venue,
};
use crate::world::record::{Authority, Beat, Claim, Command, Note, Record, Roll, Signed};
use crate::world::scenario::{Genesis, Opening, Purse, Series, SystemAccounts};
use crate::world::state::{
    CustomerCommand, CustomerEvent, FeeHold, Link, ManagedWallet, NewWallet, Proof, WalletKind,
};
use crate::world::state::{State, WalletCommand};
use crate::world::tape::{Append, Disk, Durability, Reader, Watermark, format, load_newest, store};
use crate::world::vault::Sealed;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NOON: Timestamp = Timestamp::from_seconds(1_795_262_400);

fn price(ten_thousandths: u16) -> Price {
    Price::new(ten_thousandths).expect("in range")
}

pub(super) fn order() -> NewOrder {
    NewOrder {
        account: AccountId(1),
        market: MarketId(1),
        outcome: Outcome::Yes,
        side: Side::Buy,
        kind: OrderKind::Limit,
        size: Size::Shares(Shares::from_whole(10)),
        limit: price(4_500),
        tif: TimeInForce::Gtd(NOON.plus_millis(60_000)),
        post_only: false,
        terms: Terms {
            notional_min: Usd::from_dollars(1),
            gtd_lead_ms: 1_000,
            set_aside: Usd::from_micros(137_500),
            ..Terms::PLAIN
        },
    }
}

fn market() -> MarketSpec {
    MarketSpec {
        venue: Venue::Polymarket,
        facts: MarketFacts {
            condition_id: "0x01".to_owned(),
            token_ids: ["1".to_owned(), "2".to_owned()],
            labels: ["Up".to_owned(), "Down".to_owned()],
            question: "Will it hold?".to_owned(),
            slug: "will-it-hold".to_owned(),
            opened_at: NOON,
            volume_day: Some(Usd::from_dollars(5)),
            window: Some(Window {
                asset: "BTC".to_owned(),
                interval: "15M".to_owned(),
                starts_at: NOON,
                number: 3,
                strike: Some(Usd::from_dollars(64_000)),
            }),
            ..MarketFacts::default()
        },
        ticks: vec![TickRange { from: 0, to: Price::DOLLAR, step: 100 }],
        lot: Shares::from_micros(100),
        minimum: Shares::from_whole(5),
        fees: FeeSchedule { rate_bps: 500, up_to_cent: false },
        settlement: Settlement::Auto,
        ends_at: None,
        reference: Some(price(5_000)),
        resolved: None,
        group: Some(GroupId(1)),
    }
}

/// A user with a key of PolySimulator's, and one with a wallet and its key.
fn admitted() -> (Identity, [UserId; 2]) {
    let cohort = Cohort { label: "spring".to_owned(), cap: 9, cutoff: Some(NOON) };
    let gates = Gates { allowlist: true, ..Gates::default() };
    let mut identity = Identity::new(gates, Tiers::default(), vec![cohort]);
    let user = identity.add_user(User { allowlisted: true, ..User::named("ann", Tier::Pro) });
    let wallet = Some(Address::repeat_byte(1));
    let other = identity.add_user(User { wallet, ..User::named("bob", Tier::Free) });
    let key = Key {
        user,
        scheme: Scheme::Polysim,
        hash: [7; 32],
        prefix: "ps_live_a".to_owned(),
        name: None,
        tier: Tier::Pro,
        permissions: Permissions::TRADE,
        active: true,
        revoked: false,
        created_at: NOON,
        expires_at: None,
        beta_until: None,
        successor: None,
        wallet: None,
    };
    identity.add_key(key.clone());
    identity.add_key(Key {
        user: other,
        scheme: Scheme::Clob,
        hash: [8; 32],
        prefix: "a-uuid".to_owned(),
        wallet: Some(wallet_key(0)),
        ..key
    });
    (identity, [user, other])
}

fn genesis() -> Genesis {
    let (identity, [user, other]) = admitted();
    let account =
        |user, role| OpenAccount { user, venue: Venue::Polymarket, role, cash: Usd::from_dollars(500) };
    Genesis {
        seed: 42,
        source: [9; 32],
        is_virtual: true,
        identity,
        limits: exchange::Limits::default(),
        opening: Opening {
            main: Usd::from_dollars(1_000),
            kalshi: Usd::from_dollars(500),
            wallet: Usd::from_dollars(250),
            strangers: true,
        },
        accounts: vec![
            account(user, Role::Trader),
            account(other, Role::House),
            account(other, Role::Adapter),
        ],
        system: SystemAccounts { house: AccountId(2), adapter: AccountId(3), ..SystemAccounts::default() },
        owners: vec![(user, Purse::Polymarket, AccountId(1))],
        linked: vec![(user, Venue::Polymarket, AccountId(1))],
        markets: vec![market()],
        orders: vec![NewOrder {
            account: AccountId(2),
            outcome: Outcome::No,
            limit: price(4_900),
            tif: TimeInForce::Gtc,
            ..order()
        }],
        series: vec![Series {
            asset: "BTC".to_owned(),
            interval: "15M".to_owned(),
            current: Some(MarketId(1)),
            next_at: NOON.plus_millis(900_000),
            listed: 1,
            fee_bps: 700,
            pace_ms: 500,
        }],
    }
}

/// One of every kind of command about the exchange.
fn asked() -> [exchange::Command; 18] {
    use exchange::Command as Ask;
    let (account, market_id, shares) = (AccountId(1), MarketId(1), Shares::from_whole(2));
    [
        Ask::Place(order()),
        Ask::Cancel { account, order: OrderId(2) },
        Ask::CancelAll { account, market: Some(market_id), outcome: Some(Outcome::No) },
        Ask::CancelDead { account },
        Ask::Expire { order: OrderId(3) },
        Ask::OpenAccount(OpenAccount {
            user: UserId(1),
            venue: Venue::Kalshi,
            role: Role::Trader,
            cash: Usd::ZERO,
        }),
        Ask::Grant { account, amount: Usd::from_dollars(-3) },
        Ask::ListMarket(Box::new(market())),
        Ask::Halt { market: market_id },
        Ask::Resume { market: market_id },
        Ask::Resolve { market: market_id, payout: Payout::Split },
        Ask::Redeem { account, market: market_id },
        Ask::Split { account, market: market_id, shares },
        Ask::Merge { account, market: market_id, shares },
        Ask::Convert { account, markets: vec![market_id], shares, adapter: AccountId(3) },
        Ask::ResetAccount { account, cash: Usd::from_dollars(100), house: AccountId(2) },
        Ask::Release { account, amount: Usd::from_dollars(1) },
        Ask::PayHeld { account, amount: Usd::from_dollars(1), share: Some((account, Usd::from_micros(1))) },
    ]
}

/// One of every kind of command.
fn commands() -> Vec<Command> {
    use exchange::Command as Ask;
    let (account, market_id, shares) = (AccountId(1), MarketId(1), Shares::from_whole(2));
    let by = Authority::Key(KeyId(1));
    let claim = Claim { key: [1; 16], body: [2; 16], client_order_id: Some([3; 16]) };
    let mut all = vec![
        Command::Begin(Box::new(genesis())),
        Command::Place {
            by,
            order: order(),
            claim: Some(claim),
            client_order_id: Some("mine".into()),
            signed: Some(Box::new(signed())),
            fee: Some(Box::new(fee())),
        },
        Command::Heartbeat { by, account, until: NOON.plus_millis(10_000), after: None },
        Command::Heartbeat { by, account, until: NOON, after: Some(Beat::First) },
        Command::Heartbeat { by, account, until: NOON, after: Some(Beat::Armed(NOON)) },
        Command::SwitchFired { account },
        Command::Roll(Roll {
            series: 0,
            resolve: Some(Ask::Resolve { market: market_id, payout: Payout::Winner(Outcome::Yes) }),
            list: Some(Box::new(market())),
            opening: vec![(Side::Sell, price(5_100), shares)],
            next_at: NOON.plus_millis(1_800_000),
        }),
        Command::PauseClock,
        Command::ResumeClock,
        Command::AdvanceClock { to: NOON.plus_millis(86_400_000) },
    ];
    all.extend(asked().map(|command| Command::Exchange { by: Authority::System, command }));
    all.extend(people().into_iter().map(|command| Command::Identity { by, command }));
    let by = Authority::Session(UserId(1));
    let wallets = [
        WalletCommand::Open { label: Some("mine".to_owned()) },
        WalletCommand::OpenPot { maker: Address::repeat_byte(2), signature_type: 1 },
        WalletCommand::Label(Purse::Pot(Address::repeat_byte(2)), None),
        WalletCommand::Label(Purse::Sandbox(1), None),
        WalletCommand::Archive(Purse::Sandbox(1)),
        WalletCommand::Reset(Purse::Main),
    ];
    all.extend(wallets.map(|command| Command::Wallet { by, command }));
    let command = identity::Command::IssueFirstKey(UserId(2), new_key(6));
    all.push(Command::Identity { by: Authority::Newcomer(UserId(2)), command });
    let by = Authority::Customer {
        key: KeyId(1),
        customer: UserId(2),
        linked: Some((Venue::Kalshi, AccountId(4))),
    };
    all.extend(customers().map(|command| Command::Customer { by, command: Box::new(command) }));
    all
}

fn customers() -> [CustomerCommand; 4] {
    let venue = Venue::Kalshi;
    let proof = Proof::Credential { venue, digest: [5; 32] };
    let wallet = NewWallet {
        kind: WalletKind::Safe,
        eoa: Address::repeat_byte(5),
        safe: Some(Address::repeat_byte(6)),
        chain: 137,
        sealed: Some(Sealed::sample()),
        proof: Proof::Wallet(Address::repeat_byte(5)),
    };
    [
        CustomerCommand::Select(proof.clone()),
        CustomerCommand::Link { venue, proof, trades: true, sealed: Some(Sealed::sample()) },
        CustomerCommand::Manage(wallet),
        CustomerCommand::Renew,
    ]
}

fn customer_events() -> [CustomerEvent; 3] {
    let (customer, account) = (UserId(2), AccountId(4));
    let link = Link { account, trades: true, is_managed: false, sealed: Some(Sealed::sample()) };
    let wallet = ManagedWallet {
        kind: WalletKind::Eoa,
        eoa: Address::repeat_byte(5),
        safe: None,
        chain: 137,
        created_at: NOON,
        signed_until: NOON.plus_millis(1),
        sealed: None,
        account,
    };
    [
        CustomerEvent::Linked(customer, Venue::Kalshi, link),
        CustomerEvent::WalletMade(customer, wallet),
        CustomerEvent::Unlinked(customer),
    ]
}

fn fee() -> FeeHold {
    let payee = Some(Address::repeat_byte(9));
    FeeHold { id: [6; 32], until: NOON.plus_millis(1), payee, share_bps: 2_000 }
}

fn new_end_user() -> identity::NewEndUser {
    identity::NewEndUser {
        external_id: "user_001".to_owned(),
        qps_limit: Some(10),
        customer: [7; 16],
        generation: 0,
        print: new_key(8).print,
    }
}

fn wallet_key(nonce: u64) -> WalletKey {
    WalletKey { kind: WalletKeyKind::Trading, nonce, generation: 1 }
}

fn signed() -> Signed {
    Signed {
        digest: [1; 32],
        maker: Address::repeat_byte(3),
        builder: [2; 32],
        shares: Shares::from_whole(3),
    }
}

fn new_key(byte: u8) -> NewKey {
    NewKey {
        scheme: Scheme::Polysim,
        print: Print { hash: [byte; 32], prefix: "ps_live_b".to_owned() },
        name: Some("bot".to_owned()),
        tier: Some(Tier::Pro),
        permissions: Some(Permissions::READ),
    }
}

/// One of every kind of command about users and keys.
fn people() -> Vec<identity::Command> {
    use identity::Command as Ask;
    let (user, key) = (UserId(1), KeyId(1));
    let own = OwnKey { user, scheme: Scheme::Polysim, key };
    vec![
        Ask::Join { subject: "a-subject".to_owned(), email: "a@example.test".to_owned() },
        Ask::IssueFirstKey(user, new_key(1)),
        Ask::IssueKey(user, new_key(2)),
        Ask::JoinWallet(Address::repeat_byte(4)),
        Ask::IssueWalletKey { user, wallet: wallet_key(7), print: new_key(5).print },
        Ask::RenameKey(own, Some("other".to_owned())),
        Ask::RotateKey(own, new_key(3).print),
        Ask::RevokeKey(own),
        Ask::DisableKey(key),
        Ask::IssueBetaKey {
            whom: Whom::Email("b@example.test".to_owned()),
            print: new_key(4).print,
            name: None,
            until: NOON,
            cohort: Some("spring".to_owned()),
        },
        Ask::Allow(user, true),
        Ask::Flag(user, true),
        Ask::DeleteUser(user),
        Ask::Enroll(user, "spring".to_owned(), true),
        Ask::SetGates(GateChange { self_serve: Some(true), ..GateChange::default() }),
        Ask::JoinCredential { credential: [4; 32], name: "kalshi-04040404".to_owned() },
        Ask::SignIn(Address::repeat_byte(5), new_key(6).print),
        Ask::CreateEndUser(user, new_end_user()),
        Ask::LimitEndUser(user, UserId(3), 5),
        Ask::DeactivateEndUser(user, UserId(3)),
    ]
}

/// One of every kind of event.
fn events() -> Vec<Event> {
    let (account, market, order, outcome) = (AccountId(1), MarketId(1), OrderId(2), Outcome::Yes);
    let (shares, price) = (Shares::from_whole(10), price(4_500));
    let after = Holding { shares, reserved: Shares::ZERO, cost: Usd::from_dollars(4), realized: Usd::ZERO };
    let cash = Usd::from_micros(-4_500_000);
    let moved = Moved { account, market, outcome, shares, cash, fee: Usd::from_micros(10), after };
    let party = Party { order, side: Side::Buy, moved };
    vec![
        Event::Placed(Placed {
            order,
            account,
            market,
            outcome,
            side: Side::Sell,
            kind: OrderKind::Market,
            size: Size::Dollars(Usd::from_dollars(7)),
            limit: price,
            tif: TimeInForce::Fok,
            post_only: false,
        }),
        Event::Traded(Trade {
            trade: TradeId(1),
            market,
            price,
            shares,
            taker: party,
            maker: Party { side: Side::Sell, ..party },
            maker_remaining: Shares::ZERO,
        }),
        Event::Rested { order, market, price, outcome, side: Side::Buy, remaining: shares },
        Event::Closed {
            order,
            market,
            account,
            price,
            outcome,
            side: Side::Buy,
            unrested: shares,
            reason: CloseReason::AccountReset,
        },
        Event::AccountOpened { account, user: UserId(1), venue: Venue::Kalshi, cash: Usd::from_dollars(1) },
        Event::Granted { account, amount: Usd::from_dollars(-1) },
        Event::MarketListed { market },
        Event::MarketHalted { market, halted: true },
        Event::MarketResolved { market, payout: Payout::Split, dust: Usd::from_micros(1) },
        Event::Settled(moved),
        Event::Converted { yes: moved, no: moved },
        Event::Pooled { from: moved, to: moved },
        Event::Surrendered { from: moved, to: moved },
        Event::TicksRefined { market, from: price, to: Price::MIN },
        Event::Held { account, amount: Usd::from_dollars(1) },
        Event::Released { account, amount: Usd::from_dollars(1) },
        Event::HeldPaid {
            account,
            amount: Usd::from_dollars(2),
            share: Some((account, Usd::from_dollars(1))),
        },
    ]
}

fn notes() -> Vec<Note> {
    let (user, purse) = (UserId(1), Purse::Sandbox(1));
    let mut all = vec![
        Note::Began { epoch: 1 },
        Note::SwitchArmed { account: AccountId(1), until: NOON },
        Note::ClockPaused(true),
        Note::ClockAdvanced { to: NOON },
        Note::WalletOpened { user, purse, account: AccountId(9) },
        Note::WalletFunded { user, baseline: Usd::from_dollars(10_000) },
        Note::WalletLabeled { user, purse },
        Note::WalletArchived { user, purse },
        Note::WalletReset { user, purse },
    ];
    let identity = genesis().identity;
    let key = identity.key(KeyId(1)).expect("it was added").clone();
    let joined = identity.user(user).expect("it was added").clone();
    let changes = [
        identity::Event::UserJoined(user, Box::new(joined)),
        identity::Event::SubjectLearned(user, "a-subject".to_owned()),
        identity::Event::KeyIssued(KeyId(1), Box::new(key)),
        identity::Event::KeyRenamed(KeyId(1), None),
        identity::Event::KeyRotated { key: KeyId(1), successor: KeyId(2), expires_at: NOON },
        identity::Event::KeyRevoked(KeyId(1)),
        identity::Event::KeyDisabled(KeyId(1)),
        identity::Event::UserAllowed(user, true),
        identity::Event::UserFlagged(user, true),
        identity::Event::UserDeleted(user),
        identity::Event::UserEnrolled(user, "spring".to_owned(), true),
        identity::Event::GatesSet(Gates::default()),
        identity::Event::EndUserLimited(user, 5),
        identity::Event::EndUserDeactivated(user),
        identity::Event::EndUserRevived(user, 1),
    ];
    all.extend(changes.map(Note::Identity));
    all.extend(customer_events().map(|event| Note::Customer(Box::new(event))));
    all
}

/// A record of every command; the events and notes are one each in turn, whatever would really happen.
fn records() -> Vec<Record> {
    let (mut events, mut notes) = (events().into_iter(), notes().into_iter());
    let record = |(sequence, command)| Record {
        sequence: Sequence(sequence),
        at: NOON.plus_millis(i64::try_from(sequence).expect("small")),
        command,
        events: events.by_ref().take(1).collect(),
        notes: notes.by_ref().take(1).collect(),
    };
    (0..).zip(commands()).map(record).collect()
}

/// The golden file of this name, which is written first if that was asked for.
fn golden(name: &str, now: &[u8]) -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden").join(name);
    if std::env::var("GOLDEN").is_ok_and(|wish| wish == "write") {
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        std::fs::write(&path, now).expect("it can be written");
    }
    std::fs::read(&path).expect("the golden file is there")
}

#[test]
fn the_segment_of_version_1_is_written_and_read_as_ever() {
    let records = records();
    let disk = SimDisk::new(0);
    let mut tape = open_as(&disk, Durability::Strict).expect("nothing is there").with_segments_of(0);
    // The first half as one batch, then a batch each.
    let (half, single) = records.split_at(records.len() / 2);
    for batch in std::iter::once(half).chain(single.chunks(1)) {
        let batch = batch_of(batch);
        assert!(matches!(tape.append(tape.next(), &batch.as_ref()), Append::Durable));
    }
    // Every batch fills a segment of its own; together, behind one header, they are the golden file.
    let name = format::segment_name(Sequence(0));
    let mut now = disk.contents(&name)[..32].to_vec();
    for segment in disk.list().expect("it is on") {
        now.extend(&disk.contents(&segment)[32..]);
    }
    let golden = golden("tape-v1.seg", &now);
    assert!(now == golden, "the stored form of a record changed; see the head of this file");

    let disk = SimDisk::new(0);
    disk.put(&name, &golden);
    let end = open_as(&disk, Durability::Strict).expect("it is whole").next();
    let mut reader = Reader::new(disk, Arc::new(Watermark::new(end)), Sequence(0));
    let mut found = Vec::new();
    while let Some(batch) = reader.read().expect("it is whole") {
        found.extend(batch);
    }
    assert_eq!(found, records);
}

#[test]
fn the_checkpoint_of_version_1_is_written_and_read_as_ever() {
    let mut state = State::new();
    let claim = Claim { key: [1; 16], body: [2; 16], client_order_id: Some([3; 16]) };
    let by = Authority::Key(KeyId(1));
    let resting = NewOrder { limit: price(4_000), terms: Terms::PLAIN, ..order() };
    let commands = [
        Command::Begin(Box::new(genesis())),
        Command::Place {
            by,
            order: NewOrder { limit: price(6_000), ..order() },
            claim: None,
            client_order_id: None,
            signed: None,
            fee: Some(Box::new(fee())),
        },
        Command::Place {
            by,
            order: resting,
            claim: Some(claim),
            client_order_id: None,
            signed: None,
            fee: None,
        },
        Command::Heartbeat { by, account: AccountId(1), until: NOON.plus_millis(10_000), after: None },
        Command::PauseClock,
        Command::Identity { by, command: identity::Command::IssueKey(UserId(1), new_key(5)) },
        Command::Wallet { by, command: WalletCommand::Label(Purse::Polymarket, Some("mine".to_owned())) },
    ];
    for (sequence, command) in (0..).zip(&commands) {
        state.apply(NOON, command, &mut Vec::new(), &mut Vec::new()).expect("it is allowed");
        state.advance(Sequence(sequence));
    }
    let disk = SimDisk::new(0);
    store(&*disk, &state).expect("the disk works");
    let name = disk.list().expect("it is on").remove(0);
    let golden = golden("checkpoint-v1.state", &disk.contents(&name));
    assert!(disk.contents(&name) == golden, "the stored form of a state changed; see the head of this file");

    disk.put(&name, &golden);
    let found = load_newest(&*disk).expect("it can be read").expect("it is there");
    assert_eq!((found.sequence, found.state.digest()), (Sequence(6), state.digest()));
    assert_eq!(found.state.snapshot(), state.snapshot());
}
