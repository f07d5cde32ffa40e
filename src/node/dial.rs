//! Reaching an actor: from the addresses that others name to a connection that proves its key, and
//! why there is none.
//!
//! Attempts race as RFC 8305 says: each begins a little after the one before it, or as soon as that
//! one has failed; the families of addresses take turns, and those that the socket cannot send to
//! are left out.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectError, Connection, ConnectionError, TransportErrorCode};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::address::is_dialable;
use super::book::{Known, Unreached};
use super::error::{DialError, LinkError};
use super::links::Links;
use super::transport::{Close, HANDSHAKE};
use crate::actor::Actor;

/// How much later the next attempt begins while the ones before have not ended.
const STAGGER: Duration = Duration::from_millis(300);
/// Sockets of one name that are tried.
const SOCKETS: usize = 4;
/// Sockets of one name that are looked at.
///
/// A name server that lies may answer with thousands; no more than these are held.
const FOUND: usize = 64;
/// Names that are looked up at once, of those that are vouched for and of hearsay: a liar's names
/// keep no others waiting.
static LOOKUPS: [Semaphore; 2] = [Semaphore::const_new(64), Semaphore::const_new(16)];

/// Letters of what the transport says of a failure.
///
/// The other end chooses them, and they end in a log.
const WORDS: usize = 200;

/// TLS's word for a protocol that the other end does not speak (RFC 7301); the network is a part of
/// its name.
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// Tries all known addresses: the first that proves the actor's key wins.
///
/// Called by the actor's [`Speaker`](super::speaker::Speaker) alone, so that there is one attempt
/// at a time for each actor; the pauses in between are the speaker's.
///
/// # Errors
/// [`LinkError::Unreachable`]; why is noted for the operator.
pub(super) async fn dial(links: &Arc<Links>, actor: Actor) -> Result<Connection, LinkError> {
    let config = links.client(actor)?;
    let known = links.addresses(&actor);
    let attempts = known.iter().cloned().map(|known| {
        let (links, config) = (Arc::clone(links), config.clone());
        async move { dial_address(&links, config, known).await }
    });
    match first_of(attempts).await {
        Ok(connection) => {
            links.register(actor, true, &connection);
            Ok(connection)
        }
        Err(errors) => {
            links.note_unreached(&actor, worth_telling(known, errors));
            Err(LinkError::Unreachable)
        }
    }
}

/// Why each address failed for which the actor or the operator vouches. Of hearsay, which liars can
/// make up, only the first.
fn worth_telling(known: Vec<Known>, errors: Vec<DialError>) -> Vec<Unreached> {
    let vouched = known.iter().filter(|known| known.vouched).count();
    let failed = known.into_iter().zip(errors).take(vouched.max(1));
    let failed = failed.map(|(known, why)| Unreached {
        address: Some(known.address),
        why,
    });
    let failed: Vec<_> = failed.collect();
    if failed.is_empty() {
        let (address, why) = (None, DialError::NoAddress);
        return vec![Unreached { address, why }];
    }
    failed
}

/// # Errors
/// Of several sockets the failure that says most: that another actor answers says more than that
/// nobody does.
async fn dial_address(
    links: &Links,
    config: quinn::ClientConfig,
    known: Known,
) -> Result<Connection, DialError> {
    let mut sockets = resolve(&known)
        .await?
        .into_iter()
        .filter(is_dialable)
        .peekable();
    if sockets.peek().is_none() {
        return Err(DialError::Nowhere);
    }
    let local = links.local_address().ok_or(DialError::Family)?;
    let sockets = in_turns(sockets.filter(|to| can_send(&local, to)));
    if sockets.is_empty() {
        return Err(DialError::Family);
    }
    let attempts = sockets.into_iter().map(|socket| {
        let (endpoint, config) = (links.endpoint().clone(), config.clone());
        async move {
            let connecting = endpoint.connect_with(config, socket, "actor")?;
            let shaken = timeout(HANDSHAKE, connecting).await;
            Ok(shaken.map_err(|_| DialError::NoAnswer)??)
        }
    });
    let failed = |errors: Vec<DialError>| errors.into_iter().max().unwrap_or(DialError::NoAnswer);
    first_of(attempts).await.map_err(failed)
}

// ---- names

/// The sockets that an address stands for.
///
/// A literal address costs no lookup. A name is given as long as a handshake.
async fn resolve(known: &Known) -> Result<Vec<SocketAddr>, DialError> {
    if let Ok(socket) = known.address.as_str().parse() {
        return Ok(vec![socket]);
    }
    let address = known.address.clone();
    let lookup = move || Ok(address.as_str().to_socket_addrs()?.take(FOUND).collect());
    let found = look_up(&LOOKUPS[usize::from(!known.vouched)], lookup);
    let found = timeout(HANDSHAKE, found).await;
    let found = found.map_err(|_| DialError::NameServerSilent)?;
    found.map_err(|error| {
        tracing::debug!(address = %known.address, %error, "not found");
        DialError::NameUnknown
    })
}

/// Looks up on a thread that nobody waits for: the system's resolver cannot be interrupted, and a
/// runtime that ends would wait for the threads that it has lent.
///
/// The permit is held until the resolver has answered, also when nobody waits any more: so the
/// number of threads is bounded.
async fn look_up<T: Send + 'static>(
    lookups: &'static Semaphore,
    lookup: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let permit = lookups.acquire().await.map_err(io::Error::other)?;
    let (tell, told) = oneshot::channel();
    let thread = std::thread::Builder::new().name("resolver".to_owned());
    thread.spawn(move || {
        let found = lookup();
        drop(permit);
        // Whoever asked may have given up.
        drop(tell.send(found));
    })?;
    told.await.map_err(io::Error::other)?
}

/// Whether a socket that is bound to `local` can send to `to`. One of IPv6 that is bound to no
/// address of its own sends to both families.
///
/// The caller leaves the others out, since the system's refusal would count as a failure of the
/// address.
fn can_send(local: &SocketAddr, to: &SocketAddr) -> bool {
    match local.ip() {
        IpAddr::V4(_) => to.is_ipv4(),
        IpAddr::V6(ip) if ip.is_unspecified() => true,
        IpAddr::V6(ip) => to.is_ipv6() != ip.to_ipv4_mapped().is_some(),
    }
}

/// The first few, one of each family after the other, beginning with the family that comes first.
///
/// A host whose IPv6 is broken thus costs one pause, and not one for each of its addresses.
fn in_turns(sockets: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut sockets = sockets.peekable();
    let Some(first) = sockets.peek().map(SocketAddr::is_ipv4) else {
        return Vec::new();
    };
    let (ours, others): (Vec<_>, Vec<_>) = sockets.partition(|socket| socket.is_ipv4() == first);
    let (mut ours, mut others) = (ours.into_iter(), others.into_iter());
    let turns = std::iter::from_fn(|| {
        let pair = [ours.next(), others.next()];
        pair.iter().any(Option::is_some).then_some(pair)
    });
    turns.flatten().flatten().take(SOCKETS).collect()
}

// ---- races

/// What the first attempt that succeeds leads to, or why each failed. The next begins when the last
/// one has failed, or a while after it began.
///
/// Attempts that lost are given up when the result is returned. Errors are in the order of the
/// attempts, whatever order they ended in. With no attempts it fails with none.
async fn first_of<T, E>(
    attempts: impl IntoIterator<Item = impl Future<Output = Result<T, E>> + Send + 'static>,
) -> Result<T, Vec<E>>
where
    T: Send + 'static,
    E: Send + 'static,
{
    let mut attempts = (0..).zip(attempts);
    let mut racing: JoinSet<(usize, Result<T, E>)> = JoinSet::new();
    let mut failed = Vec::new();
    loop {
        let started = attempts.next().map(|(index, attempt)| {
            racing.spawn(async move { (index, attempt.await) });
        });
        if started.is_none() && racing.is_empty() {
            failed.sort_by_key(|(index, _)| *index);
            return Err(failed.into_iter().map(|(_, error)| error).collect());
        }
        tokio::select! {
            Some(ended) = racing.join_next() => match ended {
                Ok((_, Ok(won))) => return Ok(won),
                Ok((index, Err(error))) => failed.push((index, error)),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
            () = sleep(STAGGER), if started.is_some() => {}
        }
    }
}

// ---- why not

impl From<ConnectError> for DialError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::InvalidRemoteAddress(_) => Self::Nowhere,
            error => Self::Failed(words(&error)),
        }
    }
}

/// What a node that refuses us says is told apart from silence, so that its operator and ours look
/// in the right place: the number of a closed link and TLS's alert are all that it has to say it
/// with.
impl From<ConnectionError> for DialError {
    fn from(error: ConnectionError) -> Self {
        let other_protocol = TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL);
        match error {
            ConnectionError::TimedOut => Self::NoAnswer,
            ConnectionError::ConnectionClosed(close) if close.error_code == other_protocol => {
                Self::OtherNetwork
            }
            // We broke off, in the midst of its proof.
            ConnectionError::TransportError(error) if is_tls(error.code) => Self::OtherActor,
            ConnectionError::ApplicationClosed(close)
                if close.error_code == Close::NotAdmitted.code() =>
            {
                Self::NotAdmitted
            }
            error => Self::Failed(words(&error)),
        }
    }
}

/// The transport's words, into which the other end may put its own: on one line, and not too many.
fn words(error: &impl std::fmt::Display) -> String {
    let words = error.to_string();
    let plain = words.chars().take(WORDS).map(|c| match c {
        ' '..='~' => c,
        _ => '?',
    });
    plain.collect()
}

/// QUIC's codes for TLS alerts are 0x100 to 0x1ff (RFC 9001, section 4.8).
fn is_tls(code: TransportErrorCode) -> bool {
    let [first, last] =
        [u8::MIN, u8::MAX].map(|alert| u64::from(TransportErrorCode::crypto(alert)));
    (first..=last).contains(&u64::from(code))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().expect("a socket")
    }

    #[tokio::test]
    async fn an_attempt_that_never_ends_keeps_none_of_the_others_from_succeeding() {
        let attempts = [Ok(1), Err('b'), Err('c'), Ok(4)];
        let attempt = |(index, result)| async move {
            if index == 0 {
                std::future::pending::<()>().await;
            }
            result
        };
        let won = first_of(attempts.into_iter().enumerate().map(attempt)).await;
        assert_eq!(won, Ok(4));
        let lost = first_of([async { Err::<u8, _>('a') }]).await;
        assert_eq!(lost, Err(vec!['a']));
    }

    #[tokio::test]
    async fn what_fails_at_once_makes_nobody_wait_and_each_failure_is_told_in_order() {
        let begin = Instant::now();
        let attempts = (0..100).map(|number| async move { Err::<u8, _>(number) });
        let lost = first_of(attempts).await;
        assert_eq!(lost, Err((0..100).collect()));
        assert!(begin.elapsed() < STAGGER * 50, "{:?}", begin.elapsed());
    }

    /// Or whoever is dialled would write lines of its own into the operator's log.
    #[test]
    fn what_the_other_end_says_of_its_refusal_is_one_short_line_without_control_characters() {
        let said = "\n2026-11-28 ERROR bft_crdts: convicted\u{1b}[2J\u{9b}\r\u{202e}".repeat(30);
        let closed = quinn::ConnectionClose {
            error_code: TransportErrorCode::NO_ERROR,
            frame_type: None,
            reason: said.into(),
        };
        let told = DialError::from(ConnectionError::ConnectionClosed(closed)).to_string();
        assert!(told.contains("convicted"), "{told:?}");
        assert!(told.chars().all(|c| matches!(c, ' '..='~')), "{told:?}");
        assert!(told.len() <= WORDS, "{} letters", told.len());
    }

    #[test]
    fn what_a_socket_cannot_send_to_is_left_out_and_families_take_turns() {
        let [four, six] = ["192.0.2.1:1", "[2001:db8::1]:1"].map(socket);
        let table = [
            ("127.0.0.1:1", [true, false]),
            ("0.0.0.0:1", [true, false]),
            ("[::]:1", [true, true]),
            ("[::1]:1", [false, true]),
            ("[::ffff:127.0.0.1]:1", [true, false]),
        ];
        for (local, expected) in table {
            let sends = [four, six].map(|to| can_send(&socket(local), &to));
            assert_eq!(sends, expected, "{local}");
        }
        let sixes = (1..=6).map(|last| socket(&format!("[2001:db8::{last:x}]:1")));
        let all: Vec<_> = sixes.chain([four]).collect();
        let turns = in_turns(all.clone().into_iter());
        assert_eq!(turns, [all[0], four, all[1], all[2]]);
        assert_eq!(in_turns([].into_iter()), []);
        let local = socket("0.0.0.0:1");
        let kept = in_turns(all.into_iter().filter(|to| can_send(&local, to)));
        assert_eq!(kept, [four]);
    }

    /// The end of a runtime waits for every thread that it has lent, for as long as the system's
    /// resolver likes.
    #[test]
    fn a_name_server_that_is_silent_holds_up_no_end() {
        static LOOKUPS: Semaphore = Semaphore::const_new(1);
        let (release, released) = mpsc::channel::<()>();
        let (done, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().build().expect("a runtime");
            let lookup = look_up(&LOOKUPS, move || Ok(released.recv().is_ok()));
            let answer =
                runtime.block_on(async { timeout(Duration::from_millis(10), lookup).await });
            assert!(answer.is_err(), "{answer:?}");
            drop(runtime);
            done.send(Instant::now()).expect("somebody waits");
        });
        let ended = ended.recv_timeout(Duration::from_secs(10));
        assert!(ended.is_ok(), "the runtime does not end");
        assert_eq!(LOOKUPS.available_permits(), 0, "one is under way");
        drop(release);
    }
}
