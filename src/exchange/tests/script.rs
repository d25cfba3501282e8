//! A small language for trading, so that a test reads as what it proves.
//!
//! Commands are separated by `;`. The result is what the last one did; all before it must succeed.
//! `ann`, `bob`, `cat` and `dan` have $1,000 and 100 pairs on each market of Polymarket; `ann2` is a second
//! purse of ann's user with the same; `kim` and `lee` have as much on Kalshi; `hal` is the house, `hob`
//! Kalshi's. Prices are those of the outcome named, YES unless said otherwise; markets are named at the end:
//!
//! - none: tick 0.01, minimum 5, no fee, paid at resolution;
//! - `on fine`: tick 0.001 below 0.10 and above 0.90, else 0.01; a fee of 5 %; paid on redemption;
//! - `on kalshi`: tick 0.01, minimum 1, lot 0.01, a fee of 7 % rounded up to the cent;
//! - `on short`: as the first, but trading ends at second 100.

use crate::exchange::{
    Command, Event, Exchange, FeeSchedule, Half, Limits, MarketFacts, MarketSpec, Moved, OpenAccount,
    Receipt, Role, Settlement, TickRange,
};
use crate::types::{
    AccountId, CloseReason, MarketId, NewOrder, OrderId, OrderKind, Outcome, Payout, Price, Reject, Shares,
    Side, Size, Terms, TimeInForce, Timestamp, Usd, UserId, Venue, parse_scaled,
};

/// Everybody, in the order of account ids, with their user and venue.
const PEOPLE: [(&str, u32, Venue); 9] = [
    ("ann", 1, Venue::Polymarket),
    ("bob", 2, Venue::Polymarket),
    ("cat", 3, Venue::Polymarket),
    ("dan", 4, Venue::Polymarket),
    ("ann2", 1, Venue::Polymarket),
    ("kim", 5, Venue::Kalshi),
    ("lee", 6, Venue::Kalshi),
    ("hal", 7, Venue::Polymarket),
    ("hob", 7, Venue::Kalshi),
];

const MARKETS: [&str; 4] = ["plain", "fine", "kalshi", "short"];

/// Runs the commands and compares what the last one did.
#[track_caller]
pub(super) fn check(commands: &str, expected: &str) {
    let mut script = Script::new();
    let mut steps: Vec<_> = commands.split(';').map(str::trim).collect();
    let last = steps.pop().unwrap_or_default();
    for step in steps {
        let said = script.run(step);
        assert!(!said.starts_with("refused"), "{step:?} was {said}");
    }
    assert_eq!(script.run(last), expected, "{commands}");
}

/// As [`check`], with few open orders and accounts allowed.
#[track_caller]
pub(super) fn check_refusal(commands: &str, expected: &Reject) {
    check(commands, &format!("refused: {expected}"));
}

pub(super) struct Script {
    pub(super) exchange: Exchange,
    at: Timestamp,
    lead_ms: i64,
}

pub(super) fn spec(
    venue: Venue,
    ticks: &[(u16, u16, u16)],
    rate_bps: u16,
    settlement: Settlement,
) -> MarketSpec {
    let kalshi = venue == Venue::Kalshi;
    MarketSpec {
        venue,
        facts: MarketFacts::default(),
        ticks: ticks.iter().map(|&(from, to, step)| TickRange { from, to, step }).collect(),
        lot: Shares::from_micros(if kalshi { 10_000 } else { 100 }),
        minimum: Shares::from_whole(if kalshi { 1 } else { 5 }),
        fees: FeeSchedule { rate_bps, up_to_cent: kalshi },
        settlement,
        ends_at: None,
        reference: None,
        resolved: None,
        group: None,
    }
}

pub(super) const CENTS: &[(u16, u16, u16)] = &[(0, 10_000, 100)];
pub(super) const TAPERED: &[(u16, u16, u16)] = &[(0, 1_000, 10), (1_000, 9_000, 100), (9_000, 10_000, 10)];

impl Script {
    pub(super) fn new() -> Self {
        let limits = Limits { accounts_max: 10, open_orders_max: 3 };
        let mut script = Self { exchange: Exchange::new(limits), at: Timestamp::from_seconds(0), lead_ms: 0 };
        let mut short = spec(Venue::Polymarket, CENTS, 0, Settlement::Auto);
        short.ends_at = Some(Timestamp::from_seconds(100));
        for spec in [
            spec(Venue::Polymarket, CENTS, 0, Settlement::Auto),
            spec(Venue::Polymarket, TAPERED, 500, Settlement::Manual),
            spec(Venue::Kalshi, CENTS, 700, Settlement::Auto),
            short,
        ] {
            script.must(Command::ListMarket(Box::new(spec)));
        }
        for (number, (name, user, venue)) in (1..).zip(PEOPLE) {
            let role = if name.starts_with('h') { Role::House } else { Role::Trader };
            let markets: &[u32] = if venue == Venue::Kalshi { &[3] } else { &[1, 2, 4] };
            let pairs = 100 * i64::try_from(markets.len()).unwrap();
            let cash = Usd::from_dollars(if role == Role::House { 0 } else { 1_000 + pairs });
            script.must(Command::OpenAccount(OpenAccount { user: UserId(user), venue, role, cash }));
            if role == Role::Trader {
                for market in markets {
                    let (account, market) = (AccountId(number), MarketId(*market));
                    script.must(Command::Split { account, market, shares: Shares::from_whole(100) });
                }
            }
        }
        script
    }

    fn must(&mut self, command: Command) {
        self.exchange.apply(self.at, &command, &mut Vec::new()).unwrap();
    }

    pub(super) fn run(&mut self, line: &str) -> String {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["second", second] => {
                self.at = Timestamp::from_seconds(second.parse().unwrap());
                "done".to_owned()
            }
            ["lead", lead_ms] => {
                self.lead_ms = lead_ms.parse().unwrap();
                "done".to_owned()
            }
            ["book", rest @ ..] => self.book(market(rest)),
            [who, "shows", rest @ ..] => self.purse(account(who), market(rest)),
            words => {
                let command = command(words, self.lead_ms);
                self.apply(&command)
            }
        }
    }

    fn apply(&mut self, command: &Command) -> String {
        let before = self.exchange.snapshot();
        let mut events = Vec::new();
        let result = self.exchange.apply(self.at, command, &mut events);
        self.exchange.check().unwrap();
        match result {
            Err(reject) => {
                assert_eq!(self.exchange.snapshot(), before, "a refusal changed something");
                assert_eq!(events, [], "a refusal told something");
                format!("refused: {reject}")
            }
            Ok(receipt) => {
                let said: Vec<_> = events.iter().filter_map(|event| said(command, event)).collect();
                if said.is_empty() { answered(&receipt) } else { said.join("; ") }
            }
        }
    }

    fn book(&self, market: MarketId) -> String {
        let market = self.exchange.market(market).unwrap();
        let side = |levels: Vec<(Price, Shares)>| {
            let levels =
                levels.iter().map(|(price, shares)| format!("{} @ {}", shares.plain(), price.plain()));
            levels.collect::<Vec<_>>().join(", ")
        };
        let depth = market.depth();
        assert_eq!(market.best_price(Half::Bid), depth.bids.first().map(|level| level.0));
        let mark = market.touch().mark.map_or_else(String::new, Price::plain);
        format!("bids {} asks {} mark {mark}", side(depth.bids), side(depth.asks))
    }

    fn purse(&self, account: AccountId, market: MarketId) -> String {
        let purse = self.exchange.account(account).unwrap();
        let [yes, no] = Outcome::BOTH.map(|outcome| {
            let held = self.exchange.holding(account, market, outcome);
            format!("{} free of {} for ${}", held.free().plain(), held.shares.plain(), held.cost.plain())
        });
        format!("${} of ${}; YES {yes}; NO {no}", purse.available().plain(), purse.cash.plain())
    }
}

fn name(account: AccountId) -> &'static str {
    PEOPLE[crate::types::index(account.0 - 1)].0
}

fn account(name: &str) -> AccountId {
    let at = PEOPLE.iter().position(|(known, ..)| *known == name);
    AccountId(at.map_or(99, |at| u32::try_from(at + 1).unwrap()))
}

fn market(words: &[&str]) -> MarketId {
    let Some(named) = words.iter().position(|word| *word == "on") else { return MarketId(1) };
    let at = MARKETS.iter().position(|known| *known == words[named + 1]);
    MarketId(at.map_or(99, |at| u32::try_from(at + 1).unwrap()))
}

fn outcome(words: &[&str]) -> Outcome {
    if words.contains(&"NO") { Outcome::No } else { Outcome::Yes }
}

fn shares(text: &str) -> Shares {
    Shares::from_micros(parse_scaled(text, 6).unwrap())
}

fn usd(text: &str) -> Usd {
    Usd::from_micros(parse_scaled(text.trim_start_matches('$'), 6).unwrap())
}

fn command(words: &[&str], lead_ms: i64) -> Command {
    let on = market(words);
    match *words {
        [who, "buys", size, ref rest @ ..] => place(account(who), Side::Buy, size, rest, lead_ms),
        [who, "sells", size, ref rest @ ..] => place(account(who), Side::Sell, size, rest, lead_ms),
        [who, "cancels", "all", ref rest @ ..] => Command::CancelAll {
            account: account(who),
            market: rest.contains(&"on").then_some(on),
            outcome: rest.iter().any(|word| ["YES", "NO"].contains(word)).then(|| outcome(rest)),
        },
        [who, "cancels", order] => {
            Command::Cancel { account: account(who), order: OrderId(order.parse().unwrap()) }
        }
        [who, "falls", "silent"] => Command::CancelDead { account: account(who) },
        ["order", order, "expires"] => Command::Expire { order: OrderId(order.parse().unwrap()) },
        [who, "is", "granted", amount] => Command::Grant { account: account(who), amount: usd(amount) },
        [user, "opens", "with", cash] => Command::OpenAccount(OpenAccount {
            user: UserId(user.len().try_into().unwrap()),
            venue: Venue::Polymarket,
            role: Role::Trader,
            cash: usd(cash),
        }),
        ["halt", ..] => Command::Halt { market: on },
        ["resume", ..] => Command::Resume { market: on },
        ["resolve", "split", ..] => Command::Resolve { market: on, payout: Payout::Split },
        ["resolve", ..] => Command::Resolve { market: on, payout: Payout::Winner(outcome(words)) },
        [who, "redeems", ..] => Command::Redeem { account: account(who), market: on },
        [who, "splits", size, ..] => {
            Command::Split { account: account(who), market: on, shares: shares(size) }
        }
        [who, "merges", size, ..] => {
            Command::Merge { account: account(who), market: on, shares: shares(size) }
        }
        [who, "starts", "over", "with", cash, "from", house] => {
            Command::ResetAccount { account: account(who), cash: usd(cash), house: account(house) }
        }
        ["list", ticks, lot, rate_bps] => {
            let mut spec = spec(Venue::Polymarket, CENTS, rate_bps.parse().unwrap(), Settlement::Auto);
            spec.ticks[0].step = ticks.parse().unwrap();
            spec.lot = shares(lot);
            Command::ListMarket(Box::new(spec))
        }
        _ => panic!("{words:?} is no command"),
    }
}

fn place(account: AccountId, side: Side, wanted: &str, rest: &[&str], lead_ms: i64) -> Command {
    let after = |word: &str| rest.iter().position(|found| *found == word).map(|at| rest[at + 1]);
    let kind = if rest.contains(&"market") { OrderKind::Market } else { OrderKind::Limit };
    let tif = match after("until") {
        Some(second) => TimeInForce::Gtd(Timestamp::from_seconds(second.parse().unwrap())),
        None if rest.contains(&"ioc") => TimeInForce::Ioc,
        None if rest.contains(&"fok") => TimeInForce::Fok,
        None => TimeInForce::Gtc,
    };
    Command::Place(NewOrder {
        account,
        market: market(rest),
        outcome: outcome(rest),
        side,
        kind,
        size: if wanted.starts_with('$') { Size::Dollars(usd(wanted)) } else { Size::Shares(shares(wanted)) },
        limit: Price::parse(after("@").unwrap()).unwrap(),
        tif,
        post_only: rest.contains(&"post-only"),
        terms: Terms {
            notional_min: Usd::from_dollars(1),
            gtd_lead_ms: lead_ms,
            may_sell_dust: rest.contains(&"dust"),
            ..Terms::PLAIN
        },
    })
}

/// What an event says to a reader, if the command does not say it already.
fn said(command: &Command, event: &Event) -> Option<String> {
    match event {
        // That all of an order traded is seen from its trades.
        Event::Placed(_)
        | Event::AccountOpened { .. }
        | Event::MarketListed { .. }
        | Event::Closed { reason: CloseReason::Filled, .. } => None,
        Event::Traded(trade) => {
            let (verb, word) = match (trade.taker.side, trade.maker.side) {
                (Side::Buy, Side::Buy) => ("mints", "with"),
                (Side::Sell, Side::Sell) => ("merges", "with"),
                (Side::Buy, Side::Sell) => ("takes", "from"),
                (Side::Sell, Side::Buy) => ("gives", "to"),
            };
            let Moved { account, outcome, fee, .. } = trade.taker.moved;
            let price = if outcome == Outcome::Yes { trade.price } else { trade.price.complement() };
            let fee = if fee.is_zero() { String::new() } else { format!(" for ${}", fee.plain()) };
            assert_eq!(trade.maker.moved.fee, Usd::ZERO, "makers pay nothing");
            let (who, whom) = (name(account), name(trade.maker.moved.account));
            Some(format!("{who} {verb} {} @ {} {word} {whom}{fee}", trade.shares.plain(), price.plain()))
        }
        Event::Rested { remaining, price, outcome, .. } => {
            let Command::Place(order) = command else { panic!("only a new order rests") };
            let price = if *outcome == Outcome::Yes { *price } else { price.complement() };
            Some(format!("{} rests {} @ {}", name(order.account), remaining.plain(), price.plain()))
        }
        Event::Closed { order, account, unrested, reason, .. } => {
            let unrested =
                if unrested.is_zero() { String::new() } else { format!(" with {} left", unrested.plain()) };
            Some(format!("{}'s {order} ends{unrested}: {reason:?}", name(*account)))
        }
        Event::Granted { account, amount } => Some(format!("{} gets ${}", name(*account), amount.plain())),
        Event::MarketHalted { halted, .. } => Some(if *halted { "halted" } else { "resumed" }.to_owned()),
        Event::MarketResolved { dust, .. } => Some(format!("resolved with ${} of dust", dust.plain())),
        Event::Settled(moved) => Some(format!("{} is paid ${}", holding(moved), moved.cash.plain())),
        Event::Converted { yes, no } => {
            let cash = (yes.cash + no.cash).plain();
            Some(format!("{} {} for ${cash}", name(yes.account), yes.shares.plain()))
        }
        Event::Held { account, amount } => Some(format!("{} sets ${} aside", name(*account), amount.plain())),
        Event::Released { account, amount } => {
            Some(format!("{} gets ${} back", name(*account), amount.plain()))
        }
        Event::HeldPaid { account, amount, share } => {
            let part = share.map(|(to, part)| format!(", ${} of it to {}", part.plain(), name(to)));
            Some(format!("{} pays ${}{}", name(*account), amount.plain(), part.unwrap_or_default()))
        }
        Event::TicksRefined { from, to, .. } => {
            Some(format!("ticks of ${} become ${}", from.plain(), to.plain()))
        }
        Event::Pooled { from, to } | Event::Surrendered { from, to } => {
            Some(format!("{} of {} to {}", holding(from), from.shares.plain(), name(to.account)))
        }
    }
}

fn holding(moved: &Moved) -> String {
    let outcome = if moved.outcome == Outcome::Yes { "YES" } else { "NO" };
    format!("{}'s {outcome}", name(moved.account))
}

fn answered(receipt: &Receipt) -> String {
    match receipt {
        Receipt::Paid(paid) => format!("paid ${}", paid.plain()),
        Receipt::CanceledMany { orders } => format!("{orders} canceled"),
        Receipt::Done
        | Receipt::Placed { .. }
        | Receipt::Canceled { .. }
        | Receipt::Opened(_)
        | Receipt::Listed(_)
        | Receipt::Reset { .. } => "done".to_owned(),
    }
}
