//! A world that keeps going, or stops, whatever its disk does.

use super::*;
use crate::exchange;
use crate::types::{
    AccountId, KeyFailure, MarketId, NewOrder, OrderKind, Outcome as Answer, Price, Shares, Side, Size,
    Terms, TimeInForce, Usd,
};
use crate::world::record::Authority;
use crate::world::tape::faulty::{Faults, SimDisk};

/// Kalshi's markets, one user, nobody else.
const SMALL: &str = r#"
seed = 7
markets = ["builtin:kalshi"]
opening_cash = "1000.00"
main_cash = "1000.00"
gates = { closed_beta = false, self_serve = false, allowlist = false }
fees = { kalshi = 700 }
agents = { enabled = false, markets = 0, period_ms = 2000 }
users = [{ name = "trader", plan = "pro", key = "active" }]

[tiers]
anonymous = { requests_per_second = 10, requests_per_minute = 600, bootstraps_per_minute = 1, bootstraps_per_hour = 5 }
free = { requests_per_second = 2, requests_per_minute = 120, ws_connections_max = 1, batch_size_max = 1, in_flight_max = 4, baseline = "0.00", sandboxes_max = 3, sandbox_baseline = "10000.00", trades = false }
pro = { requests_per_second = 30, requests_per_minute = 1800, ws_connections_max = 3, batch_size_max = 5, in_flight_max = 9, baseline = "10000.00", sandboxes_max = 3, sandbox_baseline = "10000.00" }
pro_plus = { requests_per_second = 60, requests_per_minute = 3600, ws_connections_max = 10, batch_size_max = 10, in_flight_max = 12, baseline = "25000.00", sandboxes_max = 3, sandbox_baseline = "10000.00" }
enterprise = { requests_per_second = 100, requests_per_minute = 6000, ws_connections_max = 50, batch_size_max = 25, in_flight_max = 12, baseline = "10000.00", sandboxes_max = 3, sandbox_baseline = "10000.00" }
"#;

const BROKEN: Faults = Faults { read: 0, write: 0, sync: 1_000, create: 0, replace: 0, remove: 0 };

fn start(disk: &Arc<SimDisk>) -> World {
    let options = Options {
        data: PathBuf::new(),
        durability: Durability::Strict,
        clock: ClockMode::Virtual,
        scenario: Scenario::parse(SMALL).expect("it is valid"),
        scenario_given: false,
        seed: None,
        gates: GateChange::default(),
        jwt_secret: None,
        master_key: None,
        tape_keep: 0,
    };
    let vault = Vault::passing(None).expect("random bytes");
    let places = Places::on(disk.shared(), Arc::new(vault)).expect("a temporary directory");
    World::start_on(places, false, options).expect("the disk works")
}

/// One more dollar for the trader: something that changes the world.
fn grant() -> Command {
    let command = exchange::Command::Grant { account: AccountId(2), amount: Usd::from_dollars(1) };
    Command::Exchange { by: Authority::System, command }
}

fn ask(world: &World, command: Command) -> Outcome {
    world.mailbox().commands(vec![command]).map_or(Err(Reject::OutcomeUnknown), |mut all| all.remove(0))
}

/// What the trader has.
struct Cash;

impl Query for Cash {
    type Answer = Usd;
    fn ask(self, state: &State) -> Usd {
        state.exchange().account(AccountId(2)).expect("it was opened").cash
    }
}

/// The first market with bids, and those.
struct Bids;

impl Query for Bids {
    type Answer = (MarketId, Vec<(Price, Shares)>);
    fn ask(self, state: &State) -> Self::Answer {
        let mut all = state.exchange().markets().iter().map(|market| (market.id, market.depth().bids));
        all.find(|(_, bids)| !bids.is_empty()).expect("the house quotes")
    }
}

fn cash(world: &World) -> Option<Usd> {
    world.mailbox().ask(Cash)
}

fn wait_until(mut done: impl FnMut() -> bool) {
    while !done() {
        std::thread::yield_now();
    }
}

#[test]
fn what_may_be_lost_is_said_and_the_world_goes_on() {
    let disk = SimDisk::new(1);
    let world = start(&disk);
    assert!(ask(&world, grant()).is_ok());
    disk.set_faults(BROKEN);
    assert_eq!(ask(&world, grant()), Err(Reject::OutcomeUnknown));
    disk.set_faults(Faults::default());
    wait_until(|| ask(&world, grant()).is_ok());
    let dollars = cash(&world).expect("it answers").micros() / 1_000_000 - 1_000;
    assert!((2..=3).contains(&dollars), "{dollars}: the second is there or not");
}

#[test]
fn a_panic_costs_those_who_wait_an_answer_and_nobody_else() {
    let world = start(&SimDisk::new(1));
    assert!(ask(&world, grant()).is_ok());
    assert!(world.mailbox.send(Work::Ask(Box::new(|_| panic!("on purpose")))).is_ok());
    wait_until(|| ask(&world, grant()).is_ok());
    assert_eq!(cash(&world), Some(Usd::from_dollars(1_002)));
}

#[test]
fn a_recovery_is_tried_again_however_many_ask_meanwhile() {
    let disk = SimDisk::new(1);
    let world = start(&disk);
    assert!(ask(&world, grant()).is_ok());
    disk.set_faults(Faults { read: 1_000, ..BROKEN });
    assert_eq!(ask(&world, grant()), Err(Reject::OutcomeUnknown));
    let asking = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while asking.load(Ordering::Acquire) {
                drop(ask(&world, grant()));
            }
        });
        wait_until(|| world.why_stopped().is_some_and(|why| why.contains("on purpose")));
        disk.set_faults(Faults::default());
        wait_until(|| world.why_stopped().is_none());
        asking.store(false, Ordering::Release);
    });
}

#[test]
fn a_world_stops_even_if_its_last_batch_can_not_be_written() {
    let disk = SimDisk::new(1);
    let world = start(&disk);
    assert!(ask(&world, grant()).is_ok());
    // The sequencer is kept busy until a command and the wish to stop wait behind each other.
    let (go, wait) = bounded::<()>(0);
    let busy: Work = Work::Ask(Box::new(move |_| {
        wait.recv().expect("it is told to go on");
        Box::new(|| {})
    }));
    assert!(world.mailbox.send(busy).is_ok());
    wait_until(|| world.mailbox.is_empty());
    let (reply, answer) = oneshot::channel();
    assert!(world.mailbox.send(Work::One(None, Box::new(grant()), reply)).is_ok());
    disk.set_faults(BROKEN);
    std::thread::scope(|scope| {
        scope.spawn(|| world.stop());
        wait_until(|| world.mailbox.len() == 2);
        go.send(()).expect("it waits");
    });
    assert_eq!(answer.blocking_recv(), Ok(Err(Reject::OutcomeUnknown)));
    assert!(matches!(ask(&world, grant()), Err(Reject::Stopped(_) | Reject::OutcomeUnknown)));
}

#[test]
fn a_world_that_can_not_recover_stops_when_it_is_told_to() {
    let disk = SimDisk::new(1);
    let world = start(&disk);
    assert!(ask(&world, grant()).is_ok());
    disk.set_faults(Faults { read: 1_000, ..BROKEN });
    assert_eq!(ask(&world, grant()), Err(Reject::OutcomeUnknown));
    world.stop();
}

#[test]
fn a_stop_leaves_a_checkpoint_even_of_a_world_in_which_nothing_happened() {
    let disk = SimDisk::new(1);
    start(&disk).stop();
    let found = crate::world::tape::load_newest(&*disk).expect("the disk works");
    assert_eq!(found.map(|checkpoint| checkpoint.sequence), Some(Sequence(0)));
}

#[test]
fn a_tape_that_lost_what_a_checkpoint_holds_is_refused_and_so_is_a_checkpoint_without_one() {
    let disk = SimDisk::new(1);
    start(&disk).stop();
    let checkpoint = disk.contents("checkpoint-00000000000000000000.state");
    let world = start(&disk);
    assert!(ask(&world, grant()).is_ok());
    world.stop();
    let short = SimDisk::new(2);
    short.put("checkpoint-00000000000000000000.state", &checkpoint);
    let tape = short.shared();
    let refused = follower::recover(&tape, Sequence(0));
    assert!(matches!(refused, Err(ReplayError::Short { seen: Sequence(0), .. })), "{refused:?}");
    let tape: Arc<dyn Disk> = disk;
    let refused = follower::recover(&tape, Sequence(1));
    assert!(matches!(refused, Err(ReplayError::Short { seen: Sequence(1), .. })), "{refused:?}");
}

#[test]
fn virtual_time_goes_on_after_a_restart_from_where_a_jump_took_it() {
    let disk = SimDisk::new(1);
    let world = start(&disk);
    assert!(ask(&world, Command::PauseClock).is_ok());
    let to = world.clock().now().plus_millis(86_400_000);
    assert!(ask(&world, Command::AdvanceClock { to }).is_ok());
    assert_eq!(world.clock().now(), to);
    drop(world);
    assert_eq!(start(&disk).clock().now(), to);
}

#[test]
fn after_a_reset_the_hub_tells_of_the_new_books() {
    let world = start(&SimDisk::new(1));
    let begin = world.beginning(true).expect("it is valid");
    assert!(ask(&world, begin).is_ok());
    let (market, before) = world.mailbox().ask(Bids).expect("it answers");
    let mut updates = world.hub().market(market);
    let order = NewOrder {
        account: AccountId(2),
        market,
        outcome: Answer::Yes,
        side: Side::Buy,
        kind: OrderKind::Limit,
        size: Size::Shares(Shares::from_whole(10)),
        limit: before[0].0,
        tif: TimeInForce::Gtc,
        post_only: false,
        terms: Terms::PLAIN,
    };
    assert!(
        ask(
            &world,
            Command::Place {
                by: Authority::System,
                order,
                claim: None,
                client_order_id: None,
                signed: None,
                fee: None
            }
        )
        .is_ok()
    );
    let update = updates.blocking_recv().expect("it was told");
    let (_, bids) = world.mailbox().ask(Bids).expect("it answers");
    for (_, price, shares) in &update.levels {
        assert!(bids.contains(&(*price, *shares)), "{update:?} {bids:?}");
    }
    assert_eq!(update.touch[0], bids.first().map(|(price, _)| *price));
}

#[test]
fn a_command_of_an_earlier_epoch_changes_nothing() {
    let world = start(&SimDisk::new(1));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let begin = world.beginning(true).expect("the scenario is there");
        assert!(world.command_in(0, grant()).await.is_ok());
        world.command(begin).await.expect("it begins anew");
        let before = world.ask(Cash).await;
        let nobody = Reject::NotLetIn(KeyFailure::Unknown);
        assert_eq!(world.command_in(0, grant()).await, Err(nobody.clone()));
        assert_eq!(world.commands_in(0, vec![grant(), grant()]).await, Err(nobody));
        assert_eq!(world.ask(Cash).await, before);
        assert!(world.command_in(1, grant()).await.is_ok());
    });
}
