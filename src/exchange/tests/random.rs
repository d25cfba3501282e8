//! Commands of every kind that nobody would think of, over both venues, with fees on.

use super::model::{Asked, Balances, Foreseen, Model};
use super::script::{CENTS, TAPERED, spec};
use crate::exchange::{Command, Event, Exchange, Limits, MarketSpec, OpenAccount, Receipt, Role, Settlement};
use crate::types::{
    AccountId, CloseReason, GroupId, MarketId, NewOrder, OrderId, OrderKind, Outcome, Payout, Price, Reject,
    Shares, Side, Size, Terms, TimeInForce, Timestamp, Usd, UserId, Venue,
};
use proptest::prelude::*;

/// A command, or one about whichever order is open at the time.
#[derive(Clone, Debug)]
enum Step {
    Do(Command),
    CancelOpen(usize),
    ExpireNext,
    Wait(i64),
    /// Go on beside a copy that was read back from a snapshot.
    Restore,
}

fn account() -> impl Strategy<Value = AccountId> {
    // Somebody who is not there now and then.
    prop_oneof![60 => 1_u32..8, 1 => Just(8_u32), 1 => Just(0_u32), 1 => Just(40_u32)].prop_map(AccountId)
}

fn market() -> impl Strategy<Value = MarketId> {
    prop_oneof![60 => 1_u32..5, 1 => Just(0_u32), 1 => Just(40_u32)].prop_map(MarketId)
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Yes), Just(Outcome::No)]
}

fn shares() -> impl Strategy<Value = Shares> {
    let micros = prop_oneof![
        6 => (1_i64..60).prop_map(|whole| whole * 1_000_000),
        4 => 0_i64..40_000_000,
        1 => Just(i64::MAX),
        1 => -1_i64..1_000_000,
    ];
    micros.prop_map(Shares::from_micros)
}

fn size() -> impl Strategy<Value = Size> {
    let dollars = prop_oneof![0_i64..30_000_000, Just(1_000_000), Just(i64::MAX)];
    prop_oneof![
        5 => shares().prop_map(Size::Shares),
        1 => dollars.prop_map(|micros| Size::Dollars(Usd::from_micros(micros))),
    ]
}

fn price() -> impl Strategy<Value = Price> {
    let units = prop_oneof![
        12 => (44_i64..57).prop_map(|cents| cents * 100),
        4 => (1_i64..100).prop_map(|cents| cents * 100),
        6 => 4_990_i64..5_010,
        2 => (1_i64..1_000).prop_map(|tenths| tenths * 10),
        1 => 1_i64..10_000,
    ];
    units.prop_map(Price::clamped)
}

fn tif() -> impl Strategy<Value = TimeInForce> {
    prop_oneof![
        6 => Just(TimeInForce::Gtc),
        2 => (0_i64..600).prop_map(|millis| TimeInForce::Gtd(Timestamp::from_millis(millis))),
        2 => Just(TimeInForce::Ioc),
        2 => Just(TimeInForce::Fok),
    ]
}

fn order() -> impl Strategy<Value = NewOrder> {
    let side = prop_oneof![2 => Just(Side::Buy), 1 => Just(Side::Sell)];
    let kind = prop_oneof![4 => Just(OrderKind::Limit), 1 => Just(OrderKind::Market)];
    let fee = prop_oneof![9 => Just(0), 1 => -10_i64..3_000_000];
    let how = (side, kind, tif(), prop::bool::weighted(0.1), any::<bool>(), fee);
    (account(), market(), outcome(), size(), price(), how).prop_map(
        |(account, market, outcome, size, limit, (side, kind, tif, post_only, may_sell_dust, set_aside))| {
            // A market order that may wait, and dollars for anything but a market buy, are refused before
            // anything of interest happens; most are made to mean something.
            let dollars = matches!(size, Size::Dollars(_));
            let kind = if dollars { OrderKind::Market } else { kind };
            let side = if dollars { Side::Buy } else { side };
            let tif =
                if kind == OrderKind::Market && tif == TimeInForce::Gtc { TimeInForce::Ioc } else { tif };
            let set_aside = Usd::from_micros(set_aside);
            let notional_min = Usd::from_dollars(1);
            let terms = Terms { notional_min, gtd_lead_ms: 5, may_sell_dust, set_aside, ..Terms::PLAIN };
            NewOrder { account, market, outcome, side, kind, size, limit, tif, post_only, terms }
        },
    )
}

fn payout() -> impl Strategy<Value = Payout> {
    prop_oneof![outcome().prop_map(Payout::Winner), Just(Payout::Split)]
}

fn usd() -> impl Strategy<Value = Usd> {
    prop_oneof![4 => -30_000_000_i64..60_000_000, 1 => any::<i64>()].prop_map(Usd::from_micros)
}

fn about_accounts() -> impl Strategy<Value = Command> {
    let scope = (proptest::option::of(market()), proptest::option::of(outcome()));
    let purse = (1_u32..4, any::<bool>(), usd()).prop_map(|(user, kalshi, cash)| {
        let venue = if kalshi { Venue::Kalshi } else { Venue::Polymarket };
        Command::OpenAccount(OpenAccount { user: UserId(user), venue, role: Role::Trader, cash })
    });
    prop_oneof![
        3 => (account(), scope).prop_map(|(account, (market, outcome))| Command::CancelAll { account, market, outcome }),
        1 => account().prop_map(|account| Command::CancelDead { account }),
        3 => (account(), usd()).prop_map(|(account, amount)| Command::Grant { account, amount }),
        1 => (account(), usd(), account()).prop_map(|(account, cash, house)| Command::ResetAccount { account, cash, house }),
        1 => (1_u32..8, 0_i64..50_000_000, prop_oneof![Just(6), Just(7)]).prop_map(|(account, cash, house)| {
            let (account, house) = (AccountId(account), AccountId(house));
            Command::ResetAccount { account, cash: Usd::from_micros(cash), house }
        }),
        1 => purse,
        1 => (account(), usd()).prop_map(|(account, amount)| Command::Release { account, amount }),
        2 => (account(), usd(), proptest::option::of((account(), usd())))
            .prop_map(|(account, amount, share)| Command::PayHeld { account, amount, share }),
        2 => (account(), 1_u64..80).prop_map(|(account, order)| Command::Cancel { account, order: OrderId(order) }),
        1 => (1_u64..80).prop_map(|order| Command::Expire { order: OrderId(order) }),
    ]
}

fn about_markets() -> impl Strategy<Value = Command> {
    prop_oneof![
        6 => (account(), market(), shares()).prop_map(|(account, market, shares)| Command::Split { account, market, shares }),
        6 => (account(), market(), shares()).prop_map(|(account, market, shares)| Command::Merge { account, market, shares }),
        1 => market().prop_map(|market| Command::Halt { market }),
        3 => market().prop_map(|market| Command::Resume { market }),
        2 => (market(), payout()).prop_map(|(market, payout)| Command::Resolve { market, payout }),
        3 => (account(), market()).prop_map(|(account, market)| Command::Redeem { account, market }),
        4 => (account(), prop::collection::vec(market(), 1..3), shares()).prop_map(|(account, markets, shares)| {
            Command::Convert { account, markets, shares, adapter: AccountId(8) }
        }),
        1 => prop::sample::select(specs()).prop_map(|spec| Command::ListMarket(Box::new(spec))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => order().prop_map(|order| Step::Do(Command::Place(order))),
        6 => any::<usize>().prop_map(Step::CancelOpen),
        4 => about_accounts().prop_map(Step::Do),
        6 => about_markets().prop_map(Step::Do),
        2 => Just(Step::ExpireNext),
        4 => (1_i64..30).prop_map(Step::Wait),
        2 => Just(Step::Restore),
    ]
}

/// What is listed at first or later; the last one is no market at all.
fn specs() -> Vec<MarketSpec> {
    // A tick so fine that every other match has to be rounded.
    let mut ending = spec(Venue::Polymarket, &[(0, 10_000, 1)], 500, Settlement::Auto);
    ending.ends_at = Some(Timestamp::from_millis(300));
    ending.group = Some(GroupId(1));
    let mut tapered = spec(Venue::Polymarket, TAPERED, 700, Settlement::Manual);
    tapered.group = Some(GroupId(1));
    vec![
        ending,
        tapered,
        spec(Venue::Kalshi, CENTS, 700, Settlement::Manual),
        spec(Venue::Kalshi, CENTS, 700, Settlement::Auto),
        spec(Venue::Kalshi, &[(0, 5_000, 100)], 700, Settlement::Auto),
    ]
}

/// An exchange under judgement.
struct Trial {
    exchange: Exchange,
    twin: Option<Exchange>,
    model: Model,
    balances: Balances,
    now: i64,
}

impl Trial {
    /// Three users on Polymarket, the first with two purses, two on Kalshi, and a house on each.
    fn new() -> Result<Self, TestCaseError> {
        let limits = Limits { accounts_max: 10, open_orders_max: 12 };
        let exchange = Exchange::new(limits);
        let (model, balances) = (Model::default(), Balances::default());
        let mut trial = Self { exchange, twin: None, model, balances, now: 0 };
        for spec in specs().into_iter().take(4) {
            trial.apply(&Command::ListMarket(Box::new(spec)))?;
        }
        for (user, venue, role) in [
            (1, Venue::Polymarket, Role::Trader),
            (1, Venue::Polymarket, Role::Trader),
            (2, Venue::Polymarket, Role::Trader),
            (1, Venue::Kalshi, Role::Trader),
            (2, Venue::Kalshi, Role::Trader),
            (3, Venue::Polymarket, Role::House),
            (3, Venue::Kalshi, Role::House),
            (3, Venue::Polymarket, Role::Adapter),
        ] {
            let cash = Usd::from_dollars(150);
            trial.apply(&Command::OpenAccount(OpenAccount { user: UserId(user), venue, role, cash }))?;
        }
        for account in 1..8 {
            for market in 1..5 {
                let (account, market) = (AccountId(account), MarketId(market));
                trial.apply(&Command::Split { account, market, shares: Shares::from_whole(25) })?;
            }
        }
        Ok(trial)
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Do(command) => self.apply(command),
            Step::CancelOpen(pick) => {
                let mut open: Vec<_> =
                    self.exchange.orders().iter().map(|open| (open.id, open.account)).collect();
                open.sort_unstable();
                match pick.checked_rem(open.len()) {
                    Some(at) => self.apply(&Command::Cancel { account: open[at].1, order: open[at].0 }),
                    None => Ok(()),
                }
            }
            Step::ExpireNext => match self.exchange.next_expiry() {
                Some((_, order)) => self.apply(&Command::Expire { order }),
                None => Ok(()),
            },
            Step::Wait(millis) => {
                self.now += millis;
                Ok(())
            }
            Step::Restore => {
                let snapshot = self.exchange.snapshot();
                let twin = Exchange::restore(&snapshot).map_err(TestCaseError::fail)?;
                prop_assert_eq!(twin.snapshot(), snapshot);
                self.twin = Some(twin);
                Ok(())
            }
        }
    }

    fn apply(&mut self, command: &Command) -> Result<(), TestCaseError> {
        let at = Timestamp::from_millis(self.now);
        let before = self.exchange.snapshot();
        let judgement = self.foresee(command);
        let available =
            |exchange: &Exchange, account| exchange.account(account).map(crate::exchange::Account::available);
        let purse =
            if let Command::Place(order) = command { available(&self.exchange, order.account) } else { None };
        let mut events = Vec::new();
        let result = self.exchange.apply(at, command, &mut events);
        self.exchange.check().map_err(TestCaseError::fail)?;
        if let Some(twin) = &mut self.twin {
            let mut copied = Vec::new();
            prop_assert_eq!(&twin.apply(at, command, &mut copied), &result);
            prop_assert_eq!(&copied, &events);
            prop_assert_eq!(twin.snapshot(), self.exchange.snapshot());
        }
        match (&result, command, judgement) {
            (Err(reject), _, judgement) => {
                prop_assert_eq!(&events, &Vec::new());
                prop_assert_eq!(self.exchange.snapshot(), before);
                if let (Command::Place(order), Some(foreseen)) = (command, judgement) {
                    justified(reject, order, &foreseen, purse)?;
                }
            }
            (Ok(receipt), Command::Place(order), Some(foreseen)) => {
                let house =
                    self.exchange.account(order.account).is_some_and(crate::exchange::Account::is_house);
                let needs = foreseen.needs;
                prop_assert!(house || purse.is_some_and(|purse| needs <= i128::from(purse.micros())));
                prop_assert!(!foreseen.unfillable);
                prop_assert!(!order.post_only || !foreseen.crosses);
                self.judge(order, receipt, &foreseen, &events)?;
            }
            (Ok(_), _, _) => self.model.ended(&events),
        }
        self.reconcile(&events)
    }

    fn asked<'a>(&self, order: &'a NewOrder) -> Option<Asked<'a>> {
        let market = self.exchange.market(order.market)?;
        let user = self.exchange.account(order.account)?.user;
        Some(Asked { order, user, lot: market.spec.lot.micros(), fees: market.spec.fees })
    }

    fn foresee(&self, command: &Command) -> Option<Foreseen> {
        let Command::Place(order) = command else { return None };
        Some(self.model.foresee(self.asked(order)?))
    }

    /// Whether an accepted order did what it had to.
    fn judge(
        &mut self,
        order: &NewOrder,
        receipt: &Receipt,
        foreseen: &Foreseen,
        events: &[Event],
    ) -> Result<(), TestCaseError> {
        let Receipt::Placed { order: id, filled, resting, closed, .. } = *receipt else {
            return Err(TestCaseError::fail("an order was answered with something else"));
        };
        let mut trades = Vec::new();
        let mut ended = None;
        for event in events {
            match event {
                Event::Traded(trade) => trades.push((
                    trade.maker.order,
                    i128::from(trade.price.ten_thousandths()),
                    i128::from(trade.shares.micros()),
                )),
                Event::Closed { order, reason, .. } if *order == id => ended = Some(*reason),
                Event::Closed { reason, .. } => prop_assert_eq!(*reason, CloseReason::Filled),
                Event::Rested { order, remaining, .. } => {
                    prop_assert_eq!((*order, *remaining), (id, resting));
                }
                Event::Placed(placed) => prop_assert_eq!(placed.order, id),
                Event::Held { account, amount } => {
                    prop_assert_eq!((*account, *amount), (order.account, order.terms.set_aside));
                }
                Event::TicksRefined { from, to, .. } => prop_assert!(to < from),
                Event::AccountOpened { .. }
                | Event::Granted { .. }
                | Event::MarketListed { .. }
                | Event::MarketHalted { .. }
                | Event::MarketResolved { .. }
                | Event::Settled(_)
                | Event::Converted { .. }
                | Event::Pooled { .. }
                | Event::Released { .. }
                | Event::HeldPaid { .. }
                | Event::Surrendered { .. } => prop_assert!(false, "{:?} has no place here", event),
            }
        }
        prop_assert_eq!(&trades, &foreseen.trades);
        prop_assert_eq!(i128::from(filled.micros()), trades.iter().map(|trade| trade.2).sum::<i128>());
        prop_assert_eq!(i128::from(resting.micros()), foreseen.rests);
        prop_assert_eq!((closed, ended), (foreseen.closed, foreseen.closed));
        let asked = self.asked(order).expect("it was accepted");
        self.model.placed(asked, id, foreseen);
        Ok(())
    }

    /// Whether the events alone lead to what the exchange holds.
    fn reconcile(&mut self, events: &[Event]) -> Result<(), TestCaseError> {
        for event in events {
            self.balances.post(event);
        }
        for account in self.exchange.accounts() {
            prop_assert_eq!(self.balances.cash.get(&account.id), Some(&account.cash.micros()));
            let held = self.balances.held.get(&account.id).copied().unwrap_or_default();
            prop_assert_eq!(held, account.escrow.micros());
            for position in self.exchange.positions(account.id) {
                for outcome in Outcome::BOTH {
                    let key = (account.id, position.market, outcome == Outcome::Yes);
                    let told = self.balances.shares.get(&key).copied().unwrap_or_default();
                    prop_assert_eq!(told, position.of(outcome).shares.micros());
                }
            }
        }
        let open = self.exchange.orders().iter().map(|open| (open.id, open.remaining.micros()));
        prop_assert_eq!(&self.balances.open, &open.collect());
        prop_assert_eq!(self.balances.fees, self.exchange.fees.micros());
        Ok(())
    }
}

/// Whether a refusal that depends on the book or the purse has its reason there.
fn justified(
    reject: &Reject,
    order: &NewOrder,
    foreseen: &Foreseen,
    purse: Option<Usd>,
) -> Result<(), TestCaseError> {
    if let Reject::InsufficientFunds { needed, available } = reject {
        prop_assert_eq!((i128::from(needed.micros()), Some(*available)), (foreseen.needs, purse));
        prop_assert!(needed > available);
    }
    if let Reject::InsufficientPosition { needed, available } = reject {
        prop_assert_eq!(i128::from(needed.micros()), foreseen.sells);
        prop_assert!(needed > available);
    }
    if matches!(reject, Reject::NotFillable | Reject::InsufficientLiquidity) {
        prop_assert!(foreseen.unfillable);
    }
    if matches!(reject, Reject::PostOnlyWouldCross) {
        prop_assert!(order.post_only && foreseen.crosses);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_money_is_conserved_and_every_trade_is_the_right_one(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut trial = Trial::new()?;
        for step in &steps {
            trial.step(step)?;
        }
    }
}
