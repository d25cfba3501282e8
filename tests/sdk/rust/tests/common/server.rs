//! The server as a process of its own: a free port, a directory that ends with the test, and its log.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use serde_json::{Value, json};

use crate::sdk::types::B256;
use crate::sdk::{clob, data, gamma, ws};

/// A debug build on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Tests of one binary run side by side, and no two may share a directory.
static STARTED: AtomicU32 = AtomicU32::new(0);

pub struct Server {
    process: Child,
    directory: PathBuf,
    ready: Value,
}

impl Server {
    /// A world with a virtual clock and nobody in it but the house and the test.
    pub fn start() -> Self {
        let name = format!("{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("a directory for the server");
        let log = File::create(directory.join("server.log")).expect("a log for the server");
        let mut process = papertape()
            .args(["serve", "--listen", "127.0.0.1:0", "--durability", "memory", "--clock", "virtual"])
            .args(["--no-agents", "--json", "--data"])
            .arg(directory.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server starts");

        let output = BufReader::new(process.stdout.take().expect("standard output is piped"));
        let (sender, receiver) = sync_channel(1);
        // It reads on after the first line: a pipe nobody empties would stop the server once it is full.
        std::thread::spawn(move || {
            let mut lines = output.lines().map_while(Result::ok);
            if let Some(line) = lines.next() {
                sender.send(line).ok();
            }
            lines.for_each(drop);
        });

        let mut server = Self { process, directory, ready: Value::Null };
        let line = receiver.recv_timeout(READY_WITHIN).expect("a ready line in time");
        server.ready = serde_json::from_str(&line).expect("the ready line is JSON");
        assert_eq!(server.ready["event"], "ready", "{line}");
        server
    }

    /// A client without a wallet.
    pub fn visitor(&self) -> clob::Client {
        clob::Client::new(self.url(), clob::Config::default()).unwrap()
    }

    pub fn sockets(&self) -> clob::ws::Client {
        let url = self.url().replacen("http", "ws", 1);
        clob::ws::Client::new(&url, ws::config::Config::default()).unwrap()
    }

    pub fn gamma(&self) -> gamma::Client {
        gamma::Client::new(&self.surface("gamma")).unwrap()
    }

    pub fn data(&self) -> data::Client {
        data::Client::new(&self.surface("data")).unwrap()
    }

    pub fn private_key(&self, persona: &str) -> &str {
        self.ready["personas"][persona]["private_key"].as_str().expect("the persona has a wallet")
    }

    pub async fn advance(&self, seconds: u32) {
        self.sim("clock/advance", json!({ "seconds": seconds })).await;
    }

    pub async fn resolve(&self, condition: B256, outcome: &str) {
        self.sim(&format!("markets/{condition}/resolve"), json!({ "outcome": outcome })).await;
    }

    fn url(&self) -> &str {
        self.ready["base_url"].as_str().expect("the ready line has a base URL")
    }

    /// With a slash behind it: the clients glue their paths to whatever they are given.
    fn surface(&self, name: &str) -> String {
        let url = self.ready["surfaces"][name].as_str().expect("the ready line names the surface");
        format!("{}/", url.trim_end_matches('/'))
    }

    async fn sim(&self, path: &str, body: Value) {
        let token = self.ready["personas"]["admin"]["admin_token"].as_str().expect("an admin token");
        let request = reqwest::Client::new().post(format!("{}/sim/{path}", self.url()));
        let answer = request.header("X-Admin-Token", token).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "/sim/{path}: {}", answer.status());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.directory.join("server.log")).unwrap_or_default());
        }
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// `PAPERTAPE_BIN`, else the debug build of this tree, with nobody's settings but the test's.
fn papertape() -> Command {
    let debug_build = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target/debug/papertape");
    let mut command = Command::new(std::env::var_os("PAPERTAPE_BIN").unwrap_or_else(|| debug_build.into()));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PAPERTAPE_")) {
        command.env_remove(name);
    }
    command.env("PAPERTAPE_RATE_LIMITS", "off");
    command
}
