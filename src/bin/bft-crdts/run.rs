//! The node process: starts the node, serves the control socket, and ends on a signal.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bft_crdts::SigningActor;
use bft_crdts::membership::Genesis;
use bft_crdts::node::{Address, Invitation, Node};
use bft_crdts::store::DurableStore;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::control;
use crate::failure::Failure;
use crate::home::{Home, Peers};
use crate::kinds::{Service, by_kind};
use crate::last_run::LastRun;
use crate::log::{self, LogFormat};
use crate::metrics::{self, Endpoint};
use crate::name::{self, Contact};
use crate::print;
use crate::protocol::Kind;
use crate::service::Desk;
use crate::supervisor::{self, Phase, Signals};
use crate::watch::Watch;
use crate::witness::Witnessed;

/// Bytes of a recording, at most, before another begins: some 100,000 events.
const TRACE_BYTES: u64 = 32 << 20;

/// How to run a node.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to listen (UDP). Without, at the address that the invitation gives this actor
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<Address>,
    /// Where others reach this node, when that is not where it listens. Needed with 0.0.0.0, unless
    /// the invitation names it
    #[arg(long, value_name = "HOST:PORT", value_parser = name::dialable)]
    address: Option<Address>,
    /// A member of today, to be asked for what is new: for a node that slept while all whom it knew
    /// were exchanged
    #[arg(long = "peer", value_name = "ACTOR@HOST:PORT")]
    peers: Vec<Contact>,
    /// Lets strangers follow the network
    #[arg(long)]
    observers: bool,
    /// Records what happens in FILE, for `trace`. At 32 MiB it becomes FILE.old, in the place of an
    /// older one, and another begins
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Serves metrics over HTTP at /metrics there, in OpenMetrics text; a port alone is one of this
    /// machine alone
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<Endpoint>,
    /// How to write what the node notes on standard error; RUST_LOG says what that is
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    log_format: LogFormat,
    /// Ends when standard input does, so that the node does not outlive the program that started it
    #[arg(long)]
    tethered: bool,
}

/// All that a node starts from.
struct Start {
    home: Home,
    last: Option<LastRun>,
    store: Witnessed,
    key: SigningActor,
    genesis: Genesis,
    invitation: Invitation,
    peers: Peers,
    contacts: Vec<Contact>,
    listen: SocketAddr,
    address: Option<Address>,
    observers: bool,
    trace: Option<PathBuf>,
    metrics: Option<Endpoint>,
    tethered: bool,
}

/// Runs the node of this directory until a signal or a request ends it.
pub(crate) fn run(home: Home, options: Options) -> Result<(), Failure> {
    log::begin(options.log_format);
    home.check()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let signals = runtime.block_on(async { Signals::take() })?;
    let store = home.open()?;
    // Nobody else runs here now.
    let last = home.last_run();
    if let Err(failure) = home.note_run() {
        crate::remark(&format!("how this run ends will not be kept: {failure}"));
    }
    let ended = serve(&runtime, signals, home.clone(), last, store, options);
    home.note_end(ended.as_ref().copied());
    ended
}

fn serve(
    runtime: &Runtime,
    signals: Signals,
    home: Home,
    last: Option<LastRun>,
    store: DurableStore,
    options: Options,
) -> Result<(), Failure> {
    let (genesis, invitation) = home.network(&store)?;
    let key = store.key();
    let actor = key.actor();
    let store = Witnessed::over(&home, store)?;
    let (listen, address) = places(&options, invitation.contacts.get(&actor))?;
    let kind = Kind::of(&genesis, actor).ok_or(Failure::UnknownKind)?;
    let start = Start {
        peers: home.peers()?,
        contacts: options.peers,
        home,
        last,
        store,
        key,
        genesis,
        invitation,
        listen,
        address,
        observers: options.observers,
        trace: options.trace,
        metrics: options.metrics,
        tethered: options.tethered,
    };
    by_kind!(kind, A => runtime.block_on(start.run::<A>(signals)))
}

/// Where to listen, and what to tell others of it; `named` is what others were told when they were
/// invited.
fn places(
    options: &Options,
    named: Option<&Address>,
) -> Result<(SocketAddr, Option<Address>), Failure> {
    let listen = options
        .listen
        .as_ref()
        .or(named)
        .ok_or(Failure::NowhereToListen)?;
    let socket = name::socket(listen).map_err(|why| Failure::Address(listen.clone(), why))?;
    let told = match &options.address {
        Some(address) => Some(address.clone()),
        None if options.listen.is_none() || socket.ip().is_unspecified() => named.cloned(),
        None => None,
    };
    Ok((socket, told))
}

impl Start {
    async fn run<A: Service>(self, signals: Signals) -> Result<(), Failure> {
        let (home, tethered) = (self.home.clone(), self.tethered);
        let metrics = match &self.metrics {
            Some(endpoint) => Some(metrics::listen(endpoint).await?),
            None => None,
        };
        let desk = self.desk::<A>().await?;
        let (place, listener) = control::Place::take(&home)?;
        let mut serving = JoinSet::new();
        serving.spawn(control::serve(listener, desk.clone()));
        let watch = Watch::over(&desk);
        if let Some((listener, bound)) = metrics {
            serving.spawn(metrics::serve(listener, desk.clone()));
            watch.say(&format!("metrics are at http://{bound}/metrics"));
        }
        let ended = attend(&desk, &watch, tethered, signals).await;
        supervisor::tell(Phase::Stopping);
        serving.abort_all();
        // First what matters: the store.
        let stopped = desk.node.shutdown().await;
        watch.end();
        let ended = ended.and_then(|()| Ok(stopped?));
        home.note_end(ended.as_ref().copied());
        // Last: who sees it go may start the node again.
        place.leave();
        ended
    }

    async fn desk<A: Service>(self) -> Result<Desk<A>, Failure> {
        let certified = self.home.origin(&self.genesis)?;
        let first = certified.as_ref().map(|certified| &certified.state);
        let algorithm = A::begin(&self.genesis, self.key.actor(), first)?;
        let origin = certified.map(|certified| certified.origin);
        let mut builder = Node::builder(self.key, algorithm, self.genesis)
            .listen(self.listen)
            .invitation(&self.invitation)
            .observers(self.observers);
        for (actor, address) in self.peers {
            builder = builder.peer(actor, address);
        }
        for guest in self.home.guests()? {
            builder = builder.guest(guest);
        }
        if let Some(address) = &self.address {
            builder = builder.address(address.clone());
        }
        if let Some(file) = self.trace {
            builder = builder.recording(file, TRACE_BYTES);
        }
        let node = builder.start(self.store).await?;
        for contact in self.contacts {
            let introduced = node.introduce(contact.actor, contact.address).await;
            introduced.map_err(crate::protocol::Refusal::from)?;
        }
        let bound = node.local_address().map(Address::from);
        Ok(Desk {
            node,
            home: self.home,
            last: Arc::new(self.last),
            writing: Arc::default(),
            times: Arc::default(),
            origin,
            listens: self.address.or(bound),
            stop: Arc::new(Notify::new()),
        })
    }
}

/// Lets the node run, until it is to end or something fails.
async fn attend<A: Service>(
    desk: &Desk<A>,
    watch: &Watch,
    tethered: bool,
    signals: Signals,
) -> Result<(), Failure> {
    ask_to_be_let_in(desk, watch).await?;
    if tethered {
        stop_with_input(Arc::clone(&desk.stop))?;
    }
    let listens = desk
        .listens
        .as_ref()
        .map(Address::as_str)
        .unwrap_or_default();
    let bound = listens.parse::<SocketAddr>();
    if bound.is_ok_and(|bound| bound.ip().is_unspecified()) {
        watch.say("nobody is told where this node listens: say it with --address HOST:PORT");
    }
    print(&format!("ready {listens}")).map_err(Failure::Unready)?;
    supervisor::tell(Phase::Ready);
    until_asked_to_stop(desk, signals).await
}

/// A newcomer asks. Who had a seat and has none any more left or was sent away, and asks only when
/// told to.
async fn ask_to_be_let_in<A: Service>(desk: &Desk<A>, watch: &Watch) -> Result<(), Failure> {
    let seat = desk.node.read(|replica| {
        let actor = replica.actor();
        let seated = replica.committee().contains(&actor);
        (seated, replica.sources().any(|source| *source == actor))
    });
    match seat.await.map_err(crate::protocol::Refusal::from)? {
        (true, _) => {}
        (false, true) => watch.say(
            "this actor has no seat any more; invited by a member again, it can `ask` to be let in",
        ),
        (false, false) => {
            watch.say("this actor has no seat: it follows, and asks to be let in");
            let asked = desk.node.join().await;
            asked.map_err(crate::protocol::Refusal::from)?;
        }
    }
    Ok(())
}

/// Asks for the end when there is no more input. The thread ends with the process.
fn stop_with_input(stop: Arc<Notify>) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("input".to_owned());
    let spawned = thread.spawn(move || {
        // An input that cannot be read has ended, too.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        stop.notify_one();
    });
    spawned.map(|_| ())
}

async fn until_asked_to_stop<A: Service>(
    desk: &Desk<A>,
    mut signals: Signals,
) -> Result<(), Failure> {
    tokio::select! {
        () = signals.next() => Ok(()),
        () = desk.stop.notified() => Ok(()),
        stopped = desk.node.stopped() => Ok(stopped?),
    }
}
