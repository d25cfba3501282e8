//! `papertape serve`: a world behind its surfaces, until a signal ends it.

use crate::config::{ClockName, DurabilityName, EnvelopeName, Settings};
use crate::http::{self, Guard, Listen};
use crate::identity::GateChange;
use crate::service::Service;
use crate::surface;
use crate::world::agents::Agents;
use crate::world::scenario::{Persona, Scenario, personas};
use crate::world::{Options, World};
use actix_web::dev::ServerHandle;
use anyhow::Context;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Flags of `serve`. Each is also a `PAPERTAPE_*` variable and a key of the config file; flags win.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The address to listen on; port 0 takes a free one [default: localhost:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The directory of the world's files [default: ./papertape-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The scenario of a new world [default: the built-in one]
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// The seed of a new world [default: the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How sure a reply is [default: strict]
    #[arg(long)]
    durability: Option<DurabilityName>,
    /// Which time a new world lives in [default: real]
    #[arg(long)]
    clock: Option<ClockName>,
    /// Nobody but the callers trades; the opening books rest
    #[arg(long)]
    no_agents: bool,
    /// One JSON object a line on standard output, the first being the ready line
    #[arg(long)]
    json: bool,
    /// Listen beyond loopback, although the users' credentials are publicly known
    #[arg(long)]
    open: bool,
    /// Bytes of covered tape to keep [default: 2 GiB]
    #[arg(long, value_name = "BYTES")]
    tape_keep: Option<u64>,
    /// Threads that serve HTTP [default: 1]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Whether requests are counted; caps on batches, bodies and sockets stay either way [default: on]
    #[arg(long, value_name = "on|off", value_parser = ["on", "off"])]
    rate_limits: Option<String>,
    /// Whether keys are issued to admitted users only [default: as the scenario says]
    #[arg(long, value_name = "BOOL")]
    closed_beta_mode: Option<bool>,
    /// Whether free users may help themselves to a key that reads [default: as the scenario says]
    #[arg(long, value_name = "BOOL")]
    self_serve_issuance: Option<bool>,
    /// Whether only users on the allowlist come in [default: as the scenario says]
    #[arg(long, value_name = "BOOL")]
    allowlist: Option<bool>,
    /// The shape of PolySimulator's error bodies [default: pm]
    #[arg(long)]
    error_envelope: Option<EnvelopeName>,
    /// A TOML file of these settings
    #[arg(long, value_name = "FILE", env = "PAPERTAPE_CONFIG")]
    config: Option<PathBuf>,
}

impl Flags {
    /// What was said, and nothing else.
    fn said(&self) -> Value {
        let mut said = Map::new();
        let mut say = |name: &str, value: Option<Value>| {
            said.extend(value.map(|value| (name.to_owned(), value)));
        };
        say("listen", self.listen.clone().map(Value::from));
        say("data", self.data.as_ref().map(|data| json!(data)));
        say("scenario", self.scenario.as_ref().map(|scenario| json!(scenario)));
        say("seed", self.seed.map(Value::from));
        say("durability", self.durability.map(|durability| json!(durability)));
        say("clock", self.clock.map(|clock| json!(clock)));
        say("agents", self.no_agents.then_some(Value::Bool(false)));
        say("json", self.json.then_some(Value::Bool(true)));
        say("open", self.open.then_some(Value::Bool(true)));
        say("tape_keep", self.tape_keep.map(Value::from));
        say("workers", self.workers.map(Value::from));
        say("rate_limits", self.rate_limits.clone().map(Value::from));
        say("closed_beta_mode", self.closed_beta_mode.map(Value::from));
        say("self_serve_issuance", self.self_serve_issuance.map(Value::from));
        say("allowlist", self.allowlist.map(Value::from));
        say("error_envelope", self.error_envelope.map(|envelope| json!(envelope)));
        Value::Object(said)
    }
}

pub(super) fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(flags.config.as_deref(), &flags.said()).map_err(anyhow::Error::msg)?;
    actix_web::rt::System::new().block_on(async {
        let running = Running::start(&settings)?;
        running.announce(&settings);
        stop_signal().await?;
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// A served world.
pub(super) struct Running {
    pub(super) world: Arc<World>,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) personas: Vec<Persona>,
    server: ServerHandle,
    agents: Option<Agents>,
}

impl Running {
    /// Opens the world, binds and serves. Must be called inside an actix runtime.
    pub(super) fn start(settings: &Settings) -> anyhow::Result<Self> {
        let scenario =
            settings.scenario.as_deref().map_or_else(|| Ok(Scenario::builtin()), Scenario::load)?;
        let listeners = http::bind(&Listen(settings.listen.clone()), settings.open)?;
        let world = World::start(Options {
            data: settings.data.clone(),
            durability: settings.durability.into(),
            clock: settings.clock.into(),
            scenario,
            scenario_given: settings.scenario.is_some(),
            seed: settings.seed,
            gates: GateChange {
                closed_beta: settings.closed_beta_mode,
                self_serve: settings.self_serve_issuance,
                allowlist: settings.allowlist,
            },
            jwt_secret: settings.jwt_secret.clone(),
            tape_keep: settings.tape_keep,
        })
        .context("the world can't start")?;
        let world = Arc::new(world);
        let addresses: Vec<_> =
            listeners.iter().map(std::net::TcpListener::local_addr).collect::<Result<_, _>>()?;
        let hosts = addresses.iter().map(|address| address.ip().to_string()).collect();
        let service = Service::new(Arc::clone(&world), settings.rate_limits);
        let choices =
            surface::Choices { structured_errors: settings.error_envelope == EnvelopeName::Structured };
        let server = http::serve(
            listeners,
            settings.workers.max(1),
            (Guard::new(hosts, settings.open), surface::refuse),
            move |app| {
                surface::mount(app, &service, choices);
            },
        )?;
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let rules = world.scenario().agents;
        let agents = (settings.agents && rules.enabled).then(|| Agents::start(&world, rules));
        let personas = personas(world.scenario(), world.secrets());
        Ok(Self { world, addresses, personas, server: handle, agents })
    }

    /// Where it answers.
    pub(super) fn base_url(&self) -> String {
        let first = self.addresses.iter().find(|address| address.is_ipv4()).or(self.addresses.first());
        first.map_or_else(String::new, |address| format!("http://{address}"))
    }

    /// Says on standard output that it is ready: to a program one JSON line (design §9), to a person a banner.
    fn announce(&self, settings: &Settings) {
        let base = self.base_url();
        if settings.json {
            println!("{}", self.ready_line(&base));
            return;
        }
        let key = |name: &str| {
            let persona = self.personas.iter().find(|persona| persona.name == name);
            persona.and_then(|persona| persona.ps_key.clone()).unwrap_or_default()
        };
        println!("papertape is ready at {base}");
        match settings.durability {
            DurabilityName::Memory => println!("  the world is kept in memory and gone when this stops"),
            DurabilityName::Strict | DurabilityName::Process => {
                println!("  the world lies in {}", settings.data.display());
            }
        }
        println!("  PolySimulator's SDK:  PolySimClient(base_url=\"{base}\", api_key=\"{}\")", key("trader"));
        println!("  more users and keys:  papertape personas");
        println!("  stop with Ctrl-C");
    }

    /// The first line for a program. Its event comes first, so that a reader need not parse the rest to know it.
    fn ready_line(&self, base: &str) -> String {
        let personas = super::personas::object(&self.personas);
        let surfaces = json!({"polysim": base, "sim": format!("{base}/sim")});
        format!(
            r#"{{"event":"ready","base_url":{},"surfaces":{surfaces},"personas":{personas}}}"#,
            json!(base)
        )
    }

    /// Drains and ends: the agents first, then the sockets and requests, then the world.
    pub(super) async fn stop(self) {
        drop(self.agents);
        self.world.hub().announce(crate::world::hub::Notice::Stopping);
        self.server.stop(true).await;
        let world = Arc::clone(&self.world);
        // Joining threads blocks, and nothing else runs here any more.
        if actix_web::web::block(move || world.stop()).await.is_err() {
            tracing::error!("the world did not stop cleanly");
        }
    }
}

/// Waits for SIGINT or SIGTERM.
async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
