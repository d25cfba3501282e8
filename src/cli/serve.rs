//! `papertape serve`: a world behind its surfaces, until a signal ends it.

use crate::config::{ClobModeName, ClockName, DurabilityName, EnvelopeName, Settings};
use crate::http::{self, Guard, Listen};
use crate::identity::GateChange;
use crate::service::Service;
use crate::surface;
use crate::world::agents::Agents;
use crate::world::scenario::{Persona, Scenario, personas};
use crate::world::{Options, World};
use actix_web::dev::{Server, ServerHandle};
use actix_web::web::ServiceConfig;
use anyhow::Context;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

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
    /// How like production the CLOB is [default: friendly]
    #[arg(long)]
    clob_mode: Option<ClobModeName>,
    /// One more address, which PolySimulator's surface has alone
    #[arg(long, value_name = "ADDR")]
    listen_polysim: Option<String>,
    /// One more address, which the CLOB has alone
    #[arg(long, value_name = "ADDR")]
    listen_clob: Option<String>,
    /// One more address, which Gamma has alone, at its root
    #[arg(long, value_name = "ADDR")]
    listen_gamma: Option<String>,
    /// One more address, which the Data API has alone, at its root
    #[arg(long, value_name = "ADDR")]
    listen_data: Option<String>,
    /// One more address, which the relayer has alone, at its root
    #[arg(long, value_name = "ADDR")]
    listen_relayer: Option<String>,
    /// One more address, which Parsec's surface has alone: its SDKs' `local` environment is localhost:3000
    #[arg(long, value_name = "ADDR")]
    listen_parsec: Option<String>,
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
        say("clob_mode", self.clob_mode.map(|mode| json!(mode)));
        for (name, address) in [
            ("listen_polysim", &self.listen_polysim),
            ("listen_clob", &self.listen_clob),
            ("listen_gamma", &self.listen_gamma),
            ("listen_data", &self.listen_data),
            ("listen_relayer", &self.listen_relayer),
            ("listen_parsec", &self.listen_parsec),
        ] {
            say(name, address.clone().map(Value::from));
        }
        Value::Object(said)
    }
}

pub(super) fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(flags.config.as_deref(), &flags.said()).map_err(anyhow::Error::msg)?;
    actix_web::rt::System::new().block_on(async {
        // Before anyone is told that it is ready: whoever hears that may stop it at once.
        let stop = StopSignal::listen()?;
        let running = Running::start(&settings)?;
        running.announce(&settings);
        stop.wait().await;
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// A served world.
pub(super) struct Running {
    pub(super) world: Arc<World>,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) personas: Vec<Persona>,
    /// Surfaces that have an address of their own.
    own: BTreeMap<&'static str, String>,
    servers: Vec<ServerHandle>,
    agents: Option<Agents>,
}

impl Running {
    /// Opens the world, binds and serves. Must be called inside an actix runtime.
    pub(super) fn start(settings: &Settings) -> anyhow::Result<Self> {
        let scenario =
            settings.scenario.as_deref().map_or_else(|| Ok(Scenario::builtin()), Scenario::load)?;
        let listeners = http::bind(&Listen(settings.listen.clone()), settings.open)?;
        let alone = bind_alone(settings)?;
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
            master_key: settings.master_key.clone(),
            tape_keep: settings.tape_keep,
        })
        .context("the world can't start")?;
        let world = Arc::new(world);
        let addresses = addresses_of(&listeners)?;
        let service = Service::new(Arc::clone(&world), settings.rate_limits, settings.clob_mode.into());
        let choices =
            surface::Choices { structured_errors: settings.error_envelope == EnvelopeName::Structured };
        let workers = settings.workers.max(1);
        let guard = |addresses: &[SocketAddr]| {
            let hosts = addresses.iter().map(|address| address.ip().to_string()).collect();
            Guard::new(hosts, settings.open)
        };
        let mut servers = Vec::new();
        let mut own = BTreeMap::new();
        for (name, listeners) in alone {
            let addresses = addresses_of(&listeners)?;
            own.insert(name, url(&addresses));
            let service = service.clone();
            servers.push(http::serve(listeners, 1, (guard(&addresses), surface::refuse), move |app| {
                surface::mount_alone(app, &service, choices, name);
            })?);
        }
        let everything = move |app: &mut ServiceConfig| surface::mount(app, &service, choices);
        servers.push(http::serve(listeners, workers, (guard(&addresses), surface::refuse), everything)?);
        let handles = servers.iter().map(Server::handle).collect();
        for server in servers {
            actix_web::rt::spawn(server);
        }
        let rules = world.scenario().agents;
        let agents = (settings.agents && rules.enabled).then(|| Agents::start(&world, rules));
        let personas = personas(world.scenario(), world.secrets());
        Ok(Self { world, addresses, own, personas, servers: handles, agents })
    }

    /// Where it answers.
    pub(super) fn base_url(&self) -> String {
        url(&self.addresses)
    }

    /// Says on standard output that it is ready: to a program one JSON line (design §9), to a person a banner.
    fn announce(&self, settings: &Settings) {
        let base = self.base_url();
        if settings.json {
            println!("{}", self.ready_line(&base));
            return;
        }
        let key = |name: &str, of: fn(&Persona) -> &Option<String>| {
            let persona = self.personas.iter().find(|persona| persona.name == name);
            persona.and_then(|persona| of(persona).clone()).unwrap_or_default()
        };
        println!("papertape is ready at {base}");
        match settings.durability {
            DurabilityName::Memory => println!("  the world is kept in memory and gone when this stops"),
            DurabilityName::Strict | DurabilityName::Process => {
                println!("  the world lies in {}", settings.data.display());
            }
        }
        println!(
            "  PolySimulator's SDK:  PolySimClient(base_url=\"{base}\", api_key=\"{}\")",
            key("trader", |persona| &persona.ps_key)
        );
        #[cfg(feature = "clob")]
        println!("  Polymarket's clients: the same host, and any private key: a new wallet gets play money");
        #[cfg(feature = "parsec")]
        println!(
            "  Parsec's SDK:         ParsecAPI(base_url=\"{base}\", api_key=\"{}\")",
            key("trader", |persona| &persona.pk_key)
        );
        println!("  more users and keys:  papertape personas");
        println!("  stop with Ctrl-C");
    }

    /// The first line for a program. Its event comes first, so that a reader need not parse the rest to know it.
    fn ready_line(&self, base: &str) -> String {
        let personas = super::personas::object(&self.personas);
        let surfaces: Map<String, Value> = surface::surfaces()
            .iter()
            .map(|surface| (surface.name.to_owned(), self.place_of(surface, base).into()))
            .collect();
        let mut surfaces = Value::Object(surfaces);
        if let Some(clob) = surfaces["clob"].as_str() {
            let (sockets, node) = (clob.replacen("http", "ws", 1), format!("{clob}/rpc"));
            surfaces["rtds"] = format!("{sockets}/rtds").into();
            surfaces["rpc"] = node.into();
        }
        format!(
            r#"{{"event":"ready","base_url":{},"surfaces":{surfaces},"personas":{personas}}}"#,
            json!(base)
        )
    }

    /// Where a surface answers: at an address of its own, or beside the others.
    fn place_of(&self, surface: &http::Surface, base: &str) -> String {
        let shared = || match surface.name {
            // Its paths begin with the word, but so that it has no prefix to leave out elsewhere.
            "sim" => format!("{base}/sim"),
            _ => format!("{base}{}", surface.prefix),
        };
        self.own.get(surface.name).cloned().unwrap_or_else(shared)
    }

    /// Drains and ends: the agents first, then the sockets and requests, then the world.
    pub(super) async fn stop(self) {
        drop(self.agents);
        self.world.hub().announce(crate::world::hub::Notice::Stopping);
        for server in &self.servers {
            server.stop(true).await;
        }
        let world = Arc::clone(&self.world);
        // Joining threads blocks, and nothing else runs here any more.
        if actix_web::web::block(move || world.stop()).await.is_err() {
            tracing::error!("the world did not stop cleanly");
        }
    }
}

/// The addresses that surfaces have of their own.
fn bind_alone(settings: &Settings) -> anyhow::Result<Vec<(&'static str, Vec<TcpListener>)>> {
    let given = [
        ("polysim", &settings.listen_polysim),
        ("clob", &settings.listen_clob),
        ("gamma", &settings.listen_gamma),
        ("data", &settings.listen_data),
        ("relayer", &settings.listen_relayer),
        ("parsec", &settings.listen_parsec),
    ];
    let mut bound = Vec::new();
    for (name, address) in given {
        let Some(address) = address.clone().filter(|address| !address.is_empty()) else { continue };
        if surface::surfaces().iter().all(|surface| surface.name != name) {
            anyhow::bail!("this build has no surface named {name} to listen for");
        }
        bound.push((name, http::bind(&Listen(address), settings.open)?));
    }
    Ok(bound)
}

fn addresses_of(listeners: &[TcpListener]) -> std::io::Result<Vec<SocketAddr>> {
    listeners.iter().map(TcpListener::local_addr).collect()
}

fn url(addresses: &[SocketAddr]) -> String {
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    first.map_or_else(String::new, |address| format!("http://{address}"))
}

/// SIGINT and SIGTERM, from when it listens.
struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
