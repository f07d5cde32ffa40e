//! Nodes as processes: this very program, started again, runs one and obeys lines on its standard
//! input.
//!
//! It prints `ready` when it listens; every other line that it prints answers one that it was
//! given.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::Record;
use bft_crdts::membership::Genesis;
use bft_crdts::node::Node;
use bft_crdts::orswot::Orswot;
use bft_crdts::store::{DurableStore, Store};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, SigningActor};

pub(crate) type Set = Orswot<String>;

/// The name under which a process finds its orders.
const ORDERS: &str = "BFT_CRDTS_TEST_NODE";

/// The key of the node with this number.
pub(crate) fn key(number: usize) -> SigningActor {
    let byte = u8::try_from(number + 1).expect("few nodes");
    SigningActor::from_secret(&[byte; 32])
}

/// The network of the first `members` nodes.
pub(crate) fn genesis(members: usize) -> Genesis {
    let actors: BTreeSet<Actor> = (0..members).map(|number| key(number).actor()).collect();
    Genesis::new(
        &Set::new(key(0).actor()),
        actors,
        Limits::default(),
        [0; 32],
    )
    .expect("a committee")
}

// ---- the side that gives orders

/// Where the nodes of one network listen, and where their stores are.
pub(crate) struct Place {
    directory: PathBuf,
    pub(crate) addresses: Vec<SocketAddr>,
    /// Where each is said to listen, by itself too.
    pub(crate) known_as: Vec<SocketAddr>,
    members: usize,
}

impl Place {
    /// Room for so many nodes, all of them members, in a new directory.
    pub(crate) fn new(name: &str, nodes: usize) -> Self {
        // Addresses of its own: a port that is free while a node is down is taken by nobody else.
        static PLACES: AtomicU8 = AtomicU8::new(0);
        let process = u8::try_from(std::process::id() % 250).expect("a small number");
        let place = PLACES.fetch_add(1, Ordering::Relaxed);
        let node = |number| u8::try_from(number + 1).expect("few nodes");
        Self::at(name, nodes, |number| {
            [127, process + 1, place, node(number)]
        })
    }

    /// The same, with an address for each.
    pub(crate) fn at(name: &str, nodes: usize, ip: impl Fn(usize) -> [u8; 4]) -> Self {
        let directory =
            std::env::temp_dir().join(format!("bft-crdts-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).expect("a directory");
        let free =
            |number| UdpSocket::bind(SocketAddr::from((ip(number), 0))).expect("a free port");
        let sockets: Vec<_> = (0..nodes).map(free).collect();
        let address = |socket: &UdpSocket| socket.local_addr().expect("bound");
        let addresses: Vec<_> = sockets.iter().map(address).collect();
        Self {
            directory,
            known_as: addresses.clone(),
            addresses,
            members: nodes,
        }
    }

    pub(crate) fn store(&self, number: usize) -> PathBuf {
        self.directory.join(format!("{number}.redb"))
    }

    /// Starts the node with this number and waits until it listens.
    pub(crate) fn start(&self, number: usize) -> Process {
        let process = self.launch(number);
        assert_eq!(process.next(), "ready", "node {number}");
        process
    }

    pub(crate) fn start_all(&self) -> Vec<Process> {
        let processes: Vec<_> = (0..self.members)
            .map(|number| self.launch(number))
            .collect();
        for process in &processes {
            assert_eq!(process.next(), "ready");
        }
        processes
    }

    fn launch(&self, number: usize) -> Process {
        let known_as: Vec<_> = self.known_as.iter().map(SocketAddr::to_string).collect();
        let orders = format!(
            "{number} {} {} {}",
            self.addresses[number],
            known_as.join(","),
            self.store(number).display()
        );
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--ignored", "--exact", "process::a_node", "--nocapture"])
            .env(ORDERS, orders)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("this program starts");
        let stdin = child.stdin.take().expect("piped");
        let stdout = child.stdout.take().expect("piped");
        let ((said, lines), (done, outcomes)) = (mpsc::channel(), mpsc::channel());
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // The harness prints too, at times in the same line.
                if let Some((_, ours)) = line.split_once("> ") {
                    let outcome = ours.starts_with("acked") || ours.starts_with("failed");
                    let _ = if outcome { &done } else { &said }.send(ours.to_owned());
                }
            }
        });
        Process {
            child,
            stdin,
            lines,
            outcomes,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// A node in a process of its own. It dies with its handle.
pub(crate) struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    /// What became of what it was told to add.
    outcomes: Receiver<String>,
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// KiB that it has in memory.
    pub(crate) fn resident(&self) -> u64 {
        let status = numbers(&format!("/proc/{}/status", self.id()));
        *status.get("VmRSS").expect("it runs")
    }

    /// Processor time of all its threads so far, to the hundredth of a second that Linux counts in.
    #[allow(dead_code, reason = "the bench asks")]
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()));
        let stat = stat.expect("it runs");
        let (_, after_name) = stat.rsplit_once(") ").expect("a name in brackets");
        let ticks = after_name.split(' ').skip(11).take(2);
        let ticks = ticks.map(|ticks| ticks.parse::<u64>().expect("a number"));
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    /// Gives an order; the answer is a line to come. A process that was killed hears nothing.
    pub(crate) fn order(&mut self, order: &str) {
        assert!(order.split(' ').count() <= 3, "items have no spaces");
        let _ = writeln!(self.stdin, "{order}");
    }

    /// The next line; empty when it has said its last.
    pub(crate) fn next(&self) -> String {
        let line = self.lines.recv_timeout(Duration::from_secs(120));
        line.unwrap_or_default()
    }

    /// What became of the next addition.
    pub(crate) fn outcome(&self) -> String {
        let line = self.outcomes.recv_timeout(Duration::from_secs(120));
        line.unwrap_or_default()
    }

    /// Whether nothing that it was told to add has an outcome that nobody has read.
    pub(crate) fn is_silent(&self) -> bool {
        self.outcomes.try_recv().is_err()
    }

    /// Adds this and waits until it is delivered.
    pub(crate) fn add(&mut self, item: &str) {
        self.order(&format!("add {item}"));
        assert_eq!(self.outcome(), format!("acked {item}"));
    }

    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.order(order);
        self.next()
    }

    /// What it prints of itself.
    pub(crate) fn status(&mut self) -> Status {
        let line = self.ask("status");
        let numbers: Vec<u64> = line
            .split(' ')
            .filter_map(|word| word.parse().ok())
            .collect();
        let [
            members,
            convicted,
            sent,
            received,
            refused,
            silenced,
            writes,
        ] = numbers[..]
        else {
            panic!("no status: {line:?}");
        };
        Status {
            members,
            convicted,
            sent,
            received,
            refused,
            silenced: silenced == 1,
            writes,
        }
    }

    /// The members of its set, once there are so many.
    pub(crate) fn list(&mut self, len: usize) -> BTreeSet<String> {
        self.list_once(|list| list.len() >= len)
    }

    /// The members of its set, once they are enough or a minute has passed.
    pub(crate) fn list_once(
        &mut self,
        enough: impl Fn(&BTreeSet<String>) -> bool,
    ) -> BTreeSet<String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let line = self.ask("list");
            let list: BTreeSet<_> = line
                .split(',')
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect();
            if enough(&list) || Instant::now() > deadline {
                return list;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL, at whatever it is doing. The outcomes that it told before are returned.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is dead");
        self.outcomes.iter().collect()
    }

    /// Lets it stop by itself.
    pub(crate) fn quit(mut self) {
        assert_eq!(self.ask("quit"), "stopped");
        assert!(self.child.wait().expect("it ends").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) members: u64,
    pub(crate) convicted: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) refused: u64,
    pub(crate) silenced: bool,
    /// What the store was told to write, in times.
    pub(crate) writes: u64,
}

// ---- the side that obeys

/// Not a test: what a process runs that [`Place::start`] starts.
#[test]
#[ignore = "a node that other tests start"]
fn a_node() {
    run_as_ordered();
}

/// Whether this process was started to be a node.
#[allow(dead_code, reason = "the bench asks")]
pub(crate) fn is_ordered() -> bool {
    std::env::var_os(ORDERS).is_some()
}

/// Runs the node that this process was started for, if it was.
pub(crate) fn run_as_ordered() {
    if let Ok(orders) = std::env::var(ORDERS) {
        obey(&orders);
    }
}

/// Runs a node as it was ordered, until its standard input ends or says so.
fn obey(orders: &str) {
    let mut words = orders.splitn(4, ' ');
    let mut word = || words.next().expect("four words");
    let number: usize = word().parse().expect("a number");
    let listen: SocketAddr = word().parse().expect("an address");
    let known_as: Vec<SocketAddr> = word()
        .split(',')
        .map(|a| a.parse().expect("an address"))
        .collect();
    let store = PathBuf::from(word());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(serve(number, listen, &known_as, &store));
}

fn say(line: impl std::fmt::Display) {
    println!("> {line}");
}

async fn serve(number: usize, listen: SocketAddr, known_as: &[SocketAddr], path: &Path) {
    let store = if path.exists() {
        DurableStore::open(path).expect("our store")
    } else {
        DurableStore::create(path, key(number)).expect("a new store")
    };
    let spent = Arc::new(Mutex::new(Spent::default()));
    let timed = Timed {
        store,
        spent: Arc::clone(&spent),
    };
    let key = key(number);
    let algorithm = Set::new(key.actor());
    let mut builder = Node::builder(key, algorithm, genesis(known_as.len()))
        .listen(listen)
        .address(known_as[number]);
    for (other, address) in known_as
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != number)
    {
        builder = builder.peer(self::key(other).actor(), *address);
    }
    let node = builder.start(timed).await.expect("it starts");
    say("ready");
    let (line, mut lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin()
            .lines()
            .map_while(Result::ok)
            .try_for_each(|order| line.send(order).ok())
    });
    while let Some(order) = lines.recv().await {
        let words: Vec<_> = order.split(' ').collect();
        match words[..] {
            ["add", item] => drop(tokio::spawn(add(node.clone(), item.to_owned()))),
            ["burst", from, to] => say(burst(&node, from, to).await),
            ["callers", callers, each] => say(callers_add(&node, callers, each).await),
            ["latency", count] => say(latency(&node, count, &spent).await),
            ["fill", from, to] => say(fill(&node, from, to).await),
            ["renew"] => {
                node.renew().await.expect("a member");
                say("approved");
            }
            ["generation"] => say(node
                .read(|r| r.generation().number())
                .await
                .expect("it runs")),
            ["len"] => say(node.read(|r| r.algorithm().len()).await.expect("it runs")),
            ["list"] => say(list(&node).await),
            ["addresses"] => say(addresses(&node).await),
            ["evidence"] => say(evidence(&node).await),
            ["status"] => say(status(&node, &spent).await),
            ["quit"] => {
                node.shutdown().await.expect("it stops");
                return say("stopped");
            }
            _ => say("what?"),
        }
    }
}

async fn add(node: Node<Set>, item: String) {
    let made = item.clone();
    match node.propose_with(move |set| Some(set.add(made))).await {
        Ok(_) => say(format_args!("acked {item}")),
        Err(error) => say(format_args!("failed {item} {error}")),
    }
}

/// Adds many, all at once, and says how many milliseconds it took until the last was delivered.
async fn burst(node: &Node<Set>, from: &str, to: &str) -> u128 {
    let (from, to): (u32, u32) = (
        from.parse().expect("a number"),
        to.parse().expect("a number"),
    );
    let begin = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for number in from..to {
        let node = node.clone();
        let item = format!(
            "an item of a shared set, of one hundred bytes or so with all that belongs to it: {number:08}"
        );
        all.spawn(async move { node.propose_with(move |set| Some(set.add(item))).await });
    }
    while let Some(done) = all.join_next().await {
        done.expect("no panic").expect("delivered");
    }
    begin.elapsed().as_millis()
}

/// So many callers add so many each, every one of them when its last is delivered. The milliseconds
/// that it took.
async fn callers_add(node: &Node<Set>, callers: &str, each: &str) -> u128 {
    let number = |word: &str| word.parse::<u32>().expect("a number");
    let (callers, each, begin) = (number(callers), number(each), Instant::now());
    let mut all = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let node = node.clone();
        all.spawn(async move {
            for count in 0..each {
                let item = format!("{} {caller} {count}", node.actor());
                let made = node.propose_with(move |set| Some(set.add(item))).await;
                made.expect("delivered");
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.expect("no panic");
    }
    begin.elapsed().as_millis()
}

/// Adds many, a thousand with each operation, and says how many milliseconds it took until the last
/// was delivered.
async fn fill(node: &Node<Set>, from: &str, to: &str) -> u128 {
    let number = |word: &str| word.parse::<u32>().expect("a number");
    let begin = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for start in (number(from)..number(to)).step_by(1000) {
        let (node, end) = (node.clone(), number(to).min(start + 1000));
        let items = (start..end).map(|number| format!("an item of a large set: {number:08}"));
        let add = move |set: &Set| Some(set.add_all(items));
        all.spawn(async move { node.propose_with(add).await });
    }
    while let Some(done) = all.join_next().await {
        done.expect("no panic").expect("delivered");
    }
    begin.elapsed().as_millis()
}

/// Adds one after the other. The microseconds of each, and the sum of what the store took
/// meanwhile.
async fn latency(node: &Node<Set>, count: &str, spent: &Mutex<Spent>) -> String {
    let before = *spent.lock().expect("no panic");
    let mut times = Vec::new();
    for number in 0..count.parse::<u32>().expect("a number") {
        let begin = Instant::now();
        let item = format!("one at a time {number} {begin:?}");
        node.propose_with(move |set| Some(set.add(item)))
            .await
            .expect("delivered");
        times.push(begin.elapsed().as_micros().to_string());
    }
    let after = *spent.lock().expect("no panic");
    let (writes, time) = (after.writes - before.writes, after.time - before.time);
    format!("{writes} {} {}", time.as_micros(), times.join(" "))
}

async fn list(node: &Node<Set>) -> String {
    let list = node
        .read(|r| r.algorithm().iter().cloned().collect::<Vec<_>>())
        .await;
    list.expect("it runs").join(",")
}

/// Where it would look first for each of the others.
async fn addresses(node: &Node<Set>) -> String {
    let members = node.status().await.expect("it runs").members;
    let others = members.into_iter().filter(|m| m.actor != node.actor());
    let addresses = others.map(|member| member.address.expect("it was told").to_string());
    addresses.collect::<Vec<_>>().join(",")
}

/// The first piece of evidence, in hexadecimal digits.
async fn evidence(node: &Node<Set>) -> String {
    let evidence = node.read(|r| r.convicted().values().next().cloned()).await;
    let evidence = evidence.expect("it runs").expect("somebody is convicted");
    let bytes = bft_crdts::codec::encode(&*evidence);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn status(node: &Node<Set>, spent: &Mutex<Spent>) -> String {
    let status = node.status().await.expect("it runs");
    let traffic = status.traffic;
    format!(
        "{} {} {} {} {} {} {}",
        status.members.len(),
        status.convicted.len(),
        traffic.sent,
        traffic.received,
        traffic.refused,
        u8::from(status.silenced),
        spent.lock().expect("no panic").writes
    )
}

/// What a store did.
#[derive(Clone, Copy, Default)]
struct Spent {
    writes: u32,
    time: Duration,
}

/// A store that notes how long it takes to be sure.
struct Timed {
    store: DurableStore,
    spent: Arc<Mutex<Spent>>,
}

impl Store for Timed {
    type Error = <DurableStore as Store>::Error;

    fn append(&mut self, records: &[Record]) -> Result<(), Self::Error> {
        let begin = Instant::now();
        let result = self.store.append(records);
        let mut spent = self.spent.lock().expect("no panic");
        spent.writes += 1;
        spent.time += begin.elapsed();
        result
    }

    fn replace(&mut self, records: &[Record]) -> Result<(), Self::Error> {
        self.store.replace(records)
    }

    fn load(&mut self) -> Result<Vec<Record>, Self::Error> {
        self.store.load()
    }
}

/// Numbers by name from a file of `/proc`.
pub(crate) fn numbers(path: &str) -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let number = rest.split_whitespace().next()?.parse().ok()?;
        Some((name.to_owned(), number))
    };
    text.lines().filter_map(line).collect()
}
