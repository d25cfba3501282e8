//! What it costs to know a caller: a key looked up by its hash, its windows charged, its place among the requests
//! under way taken and given back. No socket, no header: `scripts/bench auth` measures those beside it.
//!
//! Prints `auth <keys> <nanoseconds>`: the median of several rounds over all keys of the bench scenario in turn.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use papertape::identity::GateChange;
use papertape::service::{ClobMode, Service};
use papertape::world::scenario::{Scenario, personas};
use papertape::world::{ClockMode, Durability, Options, World};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 9;
const REQUESTS: usize = 200_000;

fn main() {
    let scenario = Scenario::parse(include_str!("../fixtures/scenario/bench.toml")).expect("it is valid");
    let world = World::start(Options {
        data: PathBuf::new(),
        durability: Durability::Memory,
        clock: ClockMode::Real,
        scenario,
        scenario_given: false,
        seed: None,
        gates: GateChange::default(),
        jwt_secret: None,
        master_key: None,
        tape_keep: 0,
    });
    let world = Arc::new(world.expect("a world in memory"));
    let service = Service::new(Arc::clone(&world), true, ClobMode::Friendly);
    let keys: Vec<_> =
        personas(world.scenario(), world.secrets()).into_iter().filter_map(|user| user.ps_key).collect();
    let mut rounds: Vec<u128> = (0..ROUNDS).map(|_| round(&service, &keys)).collect();
    rounds.sort_unstable();
    println!("auth {} {}", keys.len(), rounds[ROUNDS / 2]);
    world.stop();
}

/// Nanoseconds a request.
fn round(service: &Service, keys: &[String]) -> u128 {
    let begun = Instant::now();
    for key in keys.iter().cycle().take(REQUESTS) {
        let caller = service.authenticate_key(key).expect("it works");
        let id = caller.key.expect("a key vouches");
        let admission = service.admit(id, &caller, service.now());
        assert!(admission.under_way.is_some(), "the bench scenario's limits are never reached");
    }
    begun.elapsed().as_nanos() / u128::try_from(REQUESTS).expect("small")
}
