//! Conversions within a group of markets, and every way in which its event can end.

use super::script::{CENTS, spec};
use crate::exchange::{Command, Event, Exchange, Limits, OpenAccount, Receipt, Role, Settlement, Status};
use crate::types::{
    AccountId, GroupId, MarketId, Outcome, Payout, Reject, Shares, Timestamp, Usd, UserId, Venue,
};
use proptest::prelude::*;

const ANN: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);
const ADAPTER: AccountId = AccountId(3);
const PAIRS: i64 = 100;

/// An event of so many markets, and two traders with a thousand dollars and a hundred pairs of each.
struct Trial {
    exchange: Exchange,
    markets: Vec<MarketId>,
}

impl Trial {
    fn new(markets: u32, settlement: Settlement) -> Self {
        let mut trial = Self { exchange: Exchange::new(Limits::default()), markets: Vec::new() };
        for _ in 0..markets {
            let mut member = spec(Venue::Polymarket, CENTS, 0, settlement);
            member.group = Some(GroupId(1));
            let Receipt::Listed(market) = trial.must(Command::ListMarket(Box::new(member))) else {
                panic!("not listed")
            };
            trial.markets.push(market);
        }
        // One that has nothing to do with them.
        trial.must(Command::ListMarket(Box::new(spec(Venue::Polymarket, CENTS, 0, settlement))));
        for (user, role) in [(1, Role::Trader), (2, Role::Trader), (3, Role::Adapter)] {
            let cash = if role == Role::Trader { 1_000 + PAIRS * i64::from(markets) } else { 0 };
            let account = OpenAccount {
                user: UserId(user),
                venue: Venue::Polymarket,
                role,
                cash: Usd::from_dollars(cash),
            };
            trial.must(Command::OpenAccount(account));
        }
        for account in [ANN, BOB] {
            for market in trial.markets.clone() {
                trial.must(Command::Split { account, market, shares: Shares::from_whole(PAIRS) });
            }
        }
        trial
    }

    fn apply(&mut self, command: Command) -> Result<Receipt, Reject> {
        let mut events = Vec::new();
        let done = self.exchange.apply(Timestamp::default(), &command, &mut events);
        self.exchange.check().expect("money is conserved, and no adapter may end short");
        done
    }

    fn must(&mut self, command: Command) -> Receipt {
        let said = format!("{command:?}");
        self.apply(command).unwrap_or_else(|reject| panic!("{said}: {reject}"))
    }

    fn convert(&mut self, account: AccountId, given: &[MarketId], shares: Shares) -> Result<Receipt, Reject> {
        let markets = given.to_vec();
        self.apply(Command::Convert { account, markets, shares, adapter: ADAPTER })
    }

    fn held(&self, account: AccountId, market: MarketId, outcome: Outcome) -> i64 {
        self.exchange.holding(account, market, outcome).shares.micros()
    }

    fn cash(&self, account: AccountId) -> i64 {
        self.exchange.account(account).expect("opened").cash.micros()
    }

    /// Resolves what is still open to the second outcome, and takes what everything pays.
    fn end(&mut self) {
        for market in self.markets.clone() {
            let lost = Command::Resolve { market, payout: Payout::Winner(Outcome::No) };
            if !self.exchange.market(market).expect("listed").is_resolved() {
                self.must(lost);
            }
            for account in [ANN, BOB, ADAPTER] {
                self.must(Command::Redeem { account, market });
            }
        }
        assert!(self.cash(ADAPTER) >= 0, "the adapter keeps {} dollars", self.cash(ADAPTER));
    }
}

#[test]
fn the_second_outcomes_of_some_markets_become_the_first_of_all_others_and_dollars() {
    let mut trial = Trial::new(4, Settlement::Auto);
    let [first, second, third, fourth] = trial.markets[..] else { panic!("four markets") };
    let before = trial.cash(ANN);
    let paid = trial.convert(ANN, &[second, fourth], Shares::from_whole(30));
    assert_eq!(paid, Ok(Receipt::Paid(Usd::from_dollars(30))), "all but one of the two given are dollars");
    assert_eq!(trial.cash(ANN) - before, 30_000_000);
    for (market, yes, no) in [(first, 130, 100), (second, 100, 70), (third, 130, 100), (fourth, 100, 70)] {
        let held = [Outcome::Yes, Outcome::No].map(|outcome| trial.held(ANN, market, outcome));
        assert_eq!(held, [yes * 1_000_000, no * 1_000_000], "{market}");
        assert_eq!(trial.held(ADAPTER, market, Outcome::No), 30_000_000, "{market}");
    }
    // Two times 30 shares had cost 15 dollars each: less than the 30 dollars paid, so that nothing is left.
    let cost = |market| trial.exchange.holding(ANN, market, Outcome::Yes).cost.micros();
    assert_eq!([cost(first), cost(third)], [50_000_000, 50_000_000]);
}

#[test]
fn what_the_given_shares_have_cost_stays_with_those_that_come_for_them() {
    let mut trial = Trial::new(3, Settlement::Auto);
    let [first, second, third] = trial.markets[..] else { panic!("three markets") };
    assert_eq!(trial.convert(ANN, &[first], Shares::from_whole(40)), Ok(Receipt::Paid(Usd::ZERO)));
    let holding = |market, outcome| trial.exchange.holding(ANN, market, outcome);
    assert_eq!(holding(first, Outcome::No).realized, Usd::ZERO, "a conversion wins and loses nothing");
    // 40 shares had cost 20 dollars.
    assert_eq!(holding(second, Outcome::Yes).cost, Usd::from_dollars(60));
    assert_eq!(holding(third, Outcome::Yes).cost, Usd::from_dollars(60));
}

#[test]
fn what_cannot_be_converted_is_refused_and_nothing_changes() {
    let mut trial = Trial::new(3, Settlement::Auto);
    let [first, second, third] = trial.markets[..] else { panic!("three markets") };
    let other = MarketId(4);
    let ten = Shares::from_whole(10);
    let before = trial.exchange.snapshot();
    let short =
        Reject::InsufficientPosition { needed: Shares::from_whole(101), available: Shares::from_whole(100) };
    for (account, given, shares, expected) in [
        (AccountId(9), vec![first], ten, Reject::AccountNotFound),
        (ANN, vec![], ten, Reject::MarketNotFound),
        (ANN, vec![MarketId(9)], ten, Reject::MarketNotFound),
        (ANN, vec![first, first], ten, Reject::Unsupported),
        (ANN, vec![first, other], ten, Reject::Unsupported),
        (ANN, vec![other], ten, Reject::Unsupported),
        (ANN, vec![first], Shares::ZERO, Reject::InvalidQuantity),
        (ANN, vec![first], -ten, Reject::InvalidQuantity),
        (ANN, vec![first], Shares::from_micros(10_000_050), Reject::InvalidQuantity),
        (ANN, vec![first], Shares::from_whole(101), short.clone()),
        (
            ANN,
            vec![first, second, third],
            Shares::from_micros(i64::MAX - 7),
            Reject::InsufficientPosition {
                needed: Shares::from_micros(i64::MAX - 7),
                available: Shares::from_whole(100),
            },
        ),
        (ADAPTER, vec![first], ten, Reject::Unsupported),
    ] {
        assert_eq!(trial.convert(account, &given, shares), Err(expected), "{account} {given:?} {shares:?}");
        assert_eq!(trial.exchange.snapshot(), before);
    }
    let to_a_trader = Command::Convert { account: ANN, markets: vec![first], shares: ten, adapter: BOB };
    assert_eq!(trial.apply(to_a_trader), Err(Reject::Unsupported), "only an adapter makes pairs for others");
    trial.must(Command::Resolve { market: first, payout: Payout::Winner(Outcome::No) });
    assert_eq!(trial.convert(ANN, &[first, second], ten), Err(Reject::MarketClosed));
    trial.must(Command::Resolve { market: second, payout: Payout::Winner(Outcome::No) });
    assert_eq!(trial.convert(ANN, &[third], ten), Err(Reject::Unsupported), "nothing would come for it");
    let mut trial = Trial::new(3, Settlement::Auto);
    trial.must(Command::Resolve { market: first, payout: Payout::Split });
    let half_known = trial.convert(ANN, &[second], ten);
    assert_eq!(half_known, Err(Reject::GroupDecided), "the half that is known would be nobody's");
}

#[test]
fn when_one_answer_comes_true_the_others_are_known_not_to() {
    let mut trial = Trial::new(3, Settlement::Auto);
    let [first, second, third] = trial.markets[..] else { panic!("three markets") };
    let mut events = Vec::new();
    let command = Command::Resolve { market: second, payout: Payout::Winner(Outcome::Yes) };
    trial.exchange.apply(Timestamp::default(), &command, &mut events).expect("resolved");
    let resolved: Vec<_> = events
        .iter()
        .filter_map(|event| {
            if let Event::MarketResolved { market, payout, .. } = event {
                Some((*market, *payout))
            } else {
                None
            }
        })
        .collect();
    let lost = Payout::Winner(Outcome::No);
    assert_eq!(resolved, [(second, Payout::Winner(Outcome::Yes)), (first, lost), (third, lost)]);
    let unrelated = trial.exchange.market(MarketId(4)).expect("listed").status;
    assert_eq!(unrelated, Status::Open);
}

#[test]
fn no_more_than_one_whole_answer_of_a_group_comes_true() {
    for (first, second, expected) in [
        (Payout::Split, Payout::Winner(Outcome::Yes), Err(Reject::GroupDecided)),
        (Payout::Split, Payout::Split, Ok(Receipt::Done)),
        (Payout::Split, Payout::Winner(Outcome::No), Ok(Receipt::Done)),
        (Payout::Winner(Outcome::No), Payout::Winner(Outcome::Yes), Ok(Receipt::Done)),
    ] {
        let mut trial = Trial::new(3, Settlement::Auto);
        let [a, b, c] = trial.markets[..] else { panic!("three markets") };
        trial.must(Command::Resolve { market: a, payout: first });
        assert_eq!(trial.apply(Command::Resolve { market: b, payout: second }), expected);
        // Two halves are a whole, too.
        let is_over = trial.exchange.market(c).expect("listed").is_resolved();
        let won = [first, second].iter().filter(|payout| **payout == Payout::Split).count() == 2;
        assert_eq!(is_over, won || second == Payout::Winner(Outcome::Yes) && expected.is_ok());
    }
}

/// A conversion: whose, of which of the markets, and how many micro-shares.
fn conversion() -> impl Strategy<Value = (bool, Vec<bool>, i64)> {
    (any::<bool>(), prop::collection::vec(any::<bool>(), 5), 1_i64..120_000_000)
}

proptest! {
    #[test]
    fn money_is_conserved_however_a_converted_event_ends(
        markets in 2_u32..6,
        early in proptest::option::of(0_usize..5),
        conversions in prop::collection::vec(conversion(), 1..8),
        last in prop::collection::vec((0_usize..5, prop_oneof![
            Just(Payout::Winner(Outcome::Yes)), Just(Payout::Winner(Outcome::No)), Just(Payout::Split),
        ]), 0..5),
        manual in any::<bool>(),
    ) {
        let settlement = if manual { Settlement::Manual } else { Settlement::Auto };
        let mut trial = Trial::new(markets, settlement);
        let half = conversions.len() / 2;
        for (number, (is_ann, chosen, shares)) in conversions.into_iter().enumerate() {
            if let Some(early) = early.filter(|_| number == half) {
                // One answer is ruled out while the others still trade.
                let market = trial.markets[early % trial.markets.len()];
                let payout = Payout::Winner(Outcome::No);
                trial.must(Command::Resolve { market, payout });
            }
            let of = trial.markets.iter().zip(chosen).filter(|(_, is_chosen)| *is_chosen);
            let given: Vec<_> = of.map(|(market, _)| *market).collect();
            let account = if is_ann { ANN } else { BOB };
            // Refused or not, `apply` has looked at every law.
            drop(trial.convert(account, &given, Shares::from_micros(shares / 100 * 100)));
        }
        for (number, payout) in last {
            let market = trial.markets[number % trial.markets.len()];
            drop(trial.apply(Command::Resolve { market, payout }));
        }
        trial.end();
        let all: i64 = [ANN, BOB, ADAPTER].map(|account| trial.cash(account)).iter().sum();
        let dust = 2 * (1_000 + PAIRS * i64::from(markets)) * 1_000_000 - all;
        // Halves of odd micro-shares are booked as fees, a few micro-dollars a market.
        prop_assert!((0..=i64::from(markets) * 4).contains(&dust), "{dust} micro-dollars are gone");
        let copy = Exchange::restore(&trial.exchange.snapshot()).expect("what is written is read back");
        prop_assert_eq!(copy.snapshot(), trial.exchange.snapshot());
    }
}
