//! The server as a process of its own: a free port, a directory that ends with the test, and its log.

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use tempfile::TempDir;

/// What the contract allows for stopping.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// A debug build on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long one answer may take before the test fails.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// How the server is started.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) durability: &'static str,
    pub(crate) clock: &'static str,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Default for Options {
    fn default() -> Self {
        let environment = vec![("PAPERTAPE_RATE_LIMITS", "off".to_owned())];
        Self { durability: "memory", clock: "virtual", arguments: Vec::new(), environment }
    }
}

impl Options {
    pub(crate) fn durable() -> Self {
        Self { durability: "strict", ..Self::default() }
    }

    /// With rate limits, as a user's server has them.
    pub(crate) fn limited() -> Self {
        Self { environment: Vec::new(), ..Self::default() }
    }

    /// With one more variable.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }
}

/// The binary under test with nobody's settings but the test's.
pub(crate) fn papertape() -> Command {
    unset(Command::new(env!("CARGO_BIN_EXE_papertape")))
}

fn unset(mut command: Command) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PAPERTAPE_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command of the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    papertape().args(arguments).stdin(Stdio::null()).output().expect("the program runs")
}

/// What a command printed on standard output.
pub(crate) fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("standard output is text").trim().to_owned()
}

/// What a command printed on standard error.
pub(crate) fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) struct Server {
    process: Option<Child>,
    options: Options,
    directory: TempDir,
    http: ureq::Agent,
    pub(crate) base: String,
    pub(crate) personas: Value,
    /// Where each surface answers.
    pub(crate) surfaces: Value,
}

impl Server {
    pub(crate) fn start(options: Options) -> Self {
        let directory = tempfile::Builder::new().prefix("papertape-api-").tempdir().expect("a directory");
        let http = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(ANSWER_WITHIN))
            .build()
            .new_agent();
        let (process, lines) = spawn(directory.path(), &options);
        let (base, personas, surfaces) = (String::new(), Value::Null, Value::Null);
        let mut server = Self { process: Some(process), options, directory, http, base, personas, surfaces };
        server.await_ready(&lines);
        server
    }

    /// With memory durability, a virtual clock and no agents.
    pub(crate) fn in_memory() -> Self {
        Self::start(Options::default())
    }

    fn await_ready(&mut self, lines: &Receiver<String>) {
        let line = lines.recv_timeout(READY_WITHIN);
        let line = line.unwrap_or_else(|error| panic!("no ready line ({error}); the log:\n{}", self.log()));
        let ready: Value = serde_json::from_str(&line).expect("the ready line is JSON");
        assert_eq!(ready["event"], "ready", "{ready}");
        ready["base_url"].as_str().expect("a base URL").clone_into(&mut self.base);
        self.personas = ready["personas"].clone();
        self.surfaces = ready["surfaces"].clone();
    }

    /// Another value of a variable, from the next start on.
    pub(crate) fn set_environment(&mut self, name: &'static str, value: &str) {
        self.options.environment.retain(|(known, _)| *known != name);
        self.options.environment.push((name, value.to_owned()));
    }

    /// Starts on the same directory again.
    pub(crate) fn restart(&mut self) {
        assert!(self.process.is_none(), "still running");
        let (process, lines) = spawn(self.directory.path(), &self.options);
        self.process = Some(process);
        self.await_ready(&lines);
    }

    /// SIGKILL: nothing is said, nothing is finished.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("a running server");
        process.kill().expect("killed");
        process.wait().expect("waited for");
    }

    /// SIGTERM: it has five seconds to end well.
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().expect("a running server");
        signal("TERM", process.id());
        let (ended, end) = sync_channel(1);
        let pid = process.id();
        let waiter = std::thread::spawn(move || ended.send(process.wait().expect("waited for")));
        let status = end.recv_timeout(STOP_WITHIN);
        if status.is_err() {
            signal("KILL", pid);
        }
        waiter.join().expect("waited for").expect("the status is heard");
        assert_eq!(status.expect("it stops in time").code(), Some(0), "{}", self.log());
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn data_text(&self) -> String {
        self.data().display().to_string()
    }

    pub(crate) fn log(&self) -> String {
        let bytes = std::fs::read(self.directory.path().join("server.log")).expect("a log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.as_ref().expect("a running server").id()
    }

    pub(crate) fn address(&self) -> &str {
        self.base.strip_prefix("http://").expect("plain HTTP")
    }

    pub(crate) fn persona(&self, name: &str, member: &str) -> &str {
        self.personas[name][member].as_str().unwrap_or_else(|| panic!("{name} has no {member}"))
    }

    pub(crate) fn key(&self, name: &str) -> &str {
        self.persona(name, "ps_key")
    }

    pub(crate) fn admin_token(&self) -> &str {
        self.persona("admin", "admin_token")
    }

    pub(crate) fn request(&self, method: &'static str, path: impl Into<String>) -> Request<'_> {
        Request {
            server: self,
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            within: ANSWER_WITHIN,
        }
    }

    pub(crate) fn get(&self, path: impl Into<String>) -> Request<'_> {
        self.request("GET", path)
    }

    pub(crate) fn post(&self, path: impl Into<String>, body: &Value) -> Request<'_> {
        self.request("POST", path).json(body)
    }

    pub(crate) fn delete(&self, path: impl Into<String>) -> Request<'_> {
        self.request("DELETE", path)
    }

    /// What only the administrator may do, done.
    pub(crate) fn steer(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body).header("X-Admin-Token", self.admin_token()).send();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.steer("/sim/clock/advance", &json!({ "seconds": seconds }));
    }

    /// Bytes as they are on a connection of their own; all that comes back until the peer closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).expect("written");
        let mut answer = Vec::new();
        // A peer that is cut off in the middle may see a reset after the answer.
        if stream.read_to_end(&mut answer).is_err() {
            assert!(!answer.is_empty(), "neither an answer nor an end");
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A request of its own from another address of this machine, in 127.0.0.0/8; its status and its code.
    pub(crate) fn call_from(&self, address: [u8; 4], head: &str, body: &str) -> (u16, String) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((address, 0)).into()).expect("an address of this machine");
        let server: SocketAddr = self.address().parse().expect("an address");
        socket.connect(&server.into()).expect("connected");
        socket.set_read_timeout(Some(ANSWER_WITHIN)).expect("set");
        let mut stream = TcpStream::from(socket);
        let length = body.len();
        let request = format!(
            "{head}\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let code = answer.lines().find_map(|line| line.strip_prefix("x-polysim-code: "));
        (status.unwrap_or_else(|| panic!("no status: {answer}")), code.unwrap_or_default().to_owned())
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("connected");
        stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("set");
        stream.set_write_timeout(Some(ANSWER_WITHIN)).expect("set");
        stream
    }

    /// Time stands still, so that nothing happens by itself: a window that turns changes the world too.
    pub(crate) fn stand_still(&self) {
        self.steer("/sim/clock/pause", &json!({}));
    }

    /// The digest, as the server says it.
    pub(crate) fn digest(&self) -> String {
        let answer = self.get("/sim/digest").send();
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["digest"].as_str().expect("a digest").to_owned()
    }

    /// Open Yes/No markets of whole cents with room for three prices inside the spread. Where requests are counted, they
    /// are the desk's.
    pub(crate) fn markets(&self, count: usize) -> Vec<Market> {
        let listed = self.look("/v1/markets?limit=200");
        let rows = listed.as_array().expect("a list of markets");
        let found: Vec<_> = rows.iter().filter_map(|row| self.market(row)).take(count).collect();
        assert_eq!(found.len(), count, "so many markets that fit");
        found
    }

    fn look(&self, path: &str) -> Value {
        let desk = self.personas["desk"]["ps_key"].as_str();
        desk.map_or_else(|| self.get(path), |key| self.get(path).header("X-API-Key", key)).send().json
    }

    fn market(&self, row: &Value) -> Option<Market> {
        if row["closed"] == true || row["outcomes"] != json!(["Yes", "No"]) {
            return None;
        }
        let token = row["clob_token_ids"][0].as_str()?;
        let book = self.look(&format!("/v1/book?token_id={token}"));
        let best = |side: &str| cents(book[side].as_array()?.last()?["price"].as_str()?);
        let (bid, ask) = (best("bids")?, best("asks")?);
        let fits = book["neg_risk"] == false && book["tick_size"] == "0.01" && ask - bid > 3;
        (fits && bid > 10 && ask < 90).then(|| Market {
            condition: row["condition_id"].as_str().expect("an id").to_owned(),
            tokens: [0, 1].map(|at| row["clob_token_ids"][at].as_str().expect("a token").to_owned()),
            category: row["category"].as_str().unwrap_or("other").to_lowercase(),
            bid,
            ask,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
        if !std::thread::panicking() {
            assert!(!self.log().contains("panicked"), "{}", self.log());
        }
    }
}

fn spawn(directory: &Path, options: &Options) -> (Child, Receiver<String>) {
    let log = File::options().create(true).append(true).open(directory.join("server.log")).expect("a log");
    // A file size limit, which a test may set to break its disk, is to be an error of a write and no signal.
    let mut command = unset(Command::new("sh"));
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_papertape")]);
    command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--no-agents"]);
    command.args(["--durability", options.durability, "--clock", options.clock]);
    command.arg("--data").arg(directory.join("data")).args(&options.arguments);
    command.envs(options.environment.iter().map(|(name, value)| (*name, value.as_str())));
    let mut process =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("the server starts");
    let output = process.stdout.take().expect("a pipe");
    (process, pump(output))
}

/// Its lines. It reads on whoever listens: a pipe that nobody empties would stop the server.
fn pump(output: ChildStdout) -> Receiver<String> {
    let (lines, received) = sync_channel(64);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            drop(lines.try_send(line));
        }
    });
    received
}

pub(crate) fn signal(name: &str, pid: u32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status();
    assert!(sent.expect("a shell").success(), "no signal to {pid}");
}

/// A request on its way.
pub(crate) struct Request<'a> {
    server: &'a Server,
    method: &'static str,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    within: Duration,
}

impl Request<'_> {
    /// With a persona's key.
    pub(crate) fn key(self, persona: &str) -> Self {
        let key = self.server.key(persona).to_owned();
        self.header("X-API-Key", &key)
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The same request with another verb and path: what it was signed for is not what it asks for.
    pub(crate) fn moved(mut self, method: &'static str, path: &str) -> Self {
        self.method = method;
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The whole answer must be there by then.
    pub(crate) fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    pub(crate) fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        self.try_send().unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Its path on the server, unless it names another listener.
    fn url(&self) -> String {
        if self.path.starts_with("http://") {
            self.path.clone()
        } else {
            format!("{}{}", self.server.base, self.path)
        }
    }

    /// No answer is an error here, a refusal is not.
    pub(crate) fn try_send(self) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder()
            .method(self.method)
            .uri(self.url())
            .header("Content-Type", "application/json");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let (http, within) = (&self.server.http, Some(self.within));
        let response = if let Some(body) = self.body {
            let request = http.configure_request(request.body(body)?);
            http.run(request.timeout_global(within).build())?
        } else {
            let request = http.configure_request(request.body(())?);
            http.run(request.timeout_global(within).build())?
        };
        Answer::read(response)
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: BTreeMap<String, String>,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Self, ureq::Error> {
        let shown = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            response.headers().iter().map(|(name, value)| (name.to_string(), shown(value))).collect();
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string()?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { status, headers, text, json })
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn code(&self) -> &str {
        self.header("x-polysim-code")
    }

    /// The envelope of a refusal that is the caller's own fault.
    pub(crate) fn assert_envelope(&self, what: &str) {
        assert!((400..500).contains(&self.status), "{what}: {} {}", self.status, self.text);
        self.assert_refusal(what);
    }

    /// The envelope of every refusal: one field, the code and the request's id in headers (polysimulator.md §7.1).
    pub(crate) fn assert_refusal(&self, what: &str) {
        let body = self.json.as_object().unwrap_or_else(|| panic!("{what}: {} {:?}", self.status, self.text));
        let sentence = body.get("error").and_then(Value::as_str).unwrap_or_default();
        assert!(body.len() == 1 && !sentence.is_empty(), "{what}: {}", self.text);
        let code = self.code();
        let is_code = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(!code.is_empty() && code.bytes().all(is_code), "{what}: code {code:?}");
        assert!(!self.header("x-request-id").is_empty(), "{what}: no request id");
        assert!(self.header("content-type").starts_with("application/json"), "{what}: {self:?}");
    }

    /// A refusal with its envelope.
    pub(crate) fn refused(&self, what: &str, status: u16, code: &str) {
        self.assert_envelope(what);
        assert_eq!((self.status, self.code()), (status, code), "{what}: {}", self.text);
    }

    /// A success.
    pub(crate) fn ok(self, what: &str) -> Value {
        assert_eq!(self.status, 200, "{what}: {}", self.text);
        self.json
    }
}

/// A market to trade on, its best prices in cents.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub(crate) condition: String,
    pub(crate) tokens: [String; 2],
    pub(crate) category: String,
    pub(crate) bid: i64,
    pub(crate) ask: i64,
}

impl Market {
    /// A limit order of Yes.
    pub(crate) fn limit(&self, side: &str, price: i64, quantity: i64) -> Value {
        json!({"market_id": self.condition, "side": side, "outcome": "Yes", "order_type": "limit",
            "price": price_text(price), "quantity": quantity.to_string()})
    }

    /// A market order of Yes at any price.
    pub(crate) fn take(&self, side: &str, quantity: i64) -> Value {
        let price = if side == "BUY" { "0.99" } else { "0.01" };
        json!({"market_id": self.condition, "side": side, "outcome": "Yes", "order_type": "market",
            "price": price, "quantity": quantity.to_string()})
    }
}

/// Cents as a price.
pub(crate) fn price_text(cents: i64) -> String {
    format!("0.{cents:02}")
}

fn cents(price: &str) -> Option<i64> {
    scaled(price, 2)
}

/// A plain decimal as a whole number of its last place; none if it is finer.
pub(crate) fn scaled(text: &str, places: usize) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    (fraction.len() <= places).then(|| format!("{whole}{fraction:0<places$}").parse().ok())?
}

/// Members laid over an object.
pub(crate) fn with(object: &Value, members: &Value) -> Value {
    let mut object = object.clone();
    for (name, value) in members.as_object().expect("members") {
        object[name] = value.clone();
    }
    object
}

/// The same numbers on every run of a seed (splitmix64).
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let range = u64::try_from(high - low + 1).expect("a range");
        low + i64::try_from(self.next() % range).expect("within the range")
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let last = i64::try_from(all.len()).expect("few") - 1;
        &all[usize::try_from(self.between(0, last)).expect("an index")]
    }
}
