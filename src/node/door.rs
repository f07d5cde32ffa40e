//! Handshakes that others began: a few at a time, and whoever has most of them loses one first; and
//! no more from one place than a small part of a processor can make.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

/// Handshakes at once.
///
/// Bounds what strangers can make the node hold before they have proven a key.
pub(super) const MOST: usize = 64;

/// Those under way, the oldest first, and where each comes from.
#[derive(Default)]
pub(super) struct Handshakes(VecDeque<(IpAddr, AbortHandle)>);

impl Handshakes {
    /// Whether senders have to prove their address before anything is done for them.
    ///
    /// From a quarter of the room on: an honest node then pays one more way there and back, and one
    /// that lies about its address gets nothing.
    pub(super) fn are_many(&mut self) -> bool {
        self.0.retain(|(_, handshake)| !handshake.is_finished());
        self.0.len() > MOST / 4
    }

    /// One more. When there are too many, the oldest of the place that has most gives way: a flood
    /// from one place keeps nobody else out. Whether one did.
    ///
    /// Where all places have as many, the oldest of all gives way.
    pub(super) fn begin(&mut self, from: SocketAddr, handshake: AbortHandle) -> bool {
        self.0.push_back((place(from), handshake));
        let crowded = self.0.len() > MOST;
        let places = self.0.iter().map(|(place, _)| *place);
        let loser = crowded.then(|| oldest_of_most(places)).flatten();
        let lost = loser.and_then(|index| self.0.remove(index));
        lost.inspect(|(_, handshake)| handshake.abort()).is_some()
    }
}

/// Handshakes that a place may begin at once, after a rest: all nodes of an organisation may start
/// together.
const BURST: u32 = 256;
/// After how long it may begin another. One costs about half a millisecond of a processor.
const PAUSE: Duration = Duration::from_millis(16);
/// Places that are remembered, of those that began a handshake lately.
const PLACES: usize = 1024;

/// What becomes of a wish for a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It begins.
    Begin,
    /// The sender has to prove its address first.
    Validate,
    /// Its place has begun too many.
    Refuse,
}

/// How fast handshakes of one place begin.
///
/// Each place is charged one for a handshake that begins, and paid one back each [`PAUSE`]. Of
/// places that are not remembered nothing is owed.
#[derive(Default)]
pub(super) struct Pace(BTreeMap<IpAddr, Begun>);

/// Handshakes of a place that are not paid for by time yet.
#[derive(Clone, Copy)]
struct Begun {
    /// Never more than [`BURST`].
    many: u32,
    /// When what is paid back was counted last.
    since: Instant,
}

impl Begun {
    /// What is left of them by now.
    fn by(self, now: Instant) -> Self {
        let rested = now.saturating_duration_since(self.since).as_nanos() / PAUSE.as_nanos();
        let rested = u32::try_from(rested).unwrap_or(u32::MAX);
        match self.many.checked_sub(rested) {
            Some(many) if many > 0 => Self {
                many,
                since: self.since + PAUSE * rested,
            },
            _ => Self {
                many: 0,
                since: now,
            },
        }
    }
}

impl Pace {
    /// Whether a handshake from there may begin, which is noted. Anybody can write the address of
    /// another on a packet: what is not proven takes half of a place's share at most, and nobody's
    /// turn who proves it.
    pub(super) fn turn(&mut self, from: SocketAddr, validated: bool, now: Instant) -> Turn {
        let place = place(from);
        let begun = self.0.get(&place).copied();
        let Begun { many, since } = begun.map_or(
            Begun {
                many: 0,
                since: now,
            },
            |it| it.by(now),
        );
        if many >= BURST / 2 && !validated {
            return Turn::Validate;
        }
        if many >= BURST {
            return Turn::Refuse;
        }
        self.make_room(now);
        let many = many + 1;
        self.0.insert(place, Begun { many, since });
        Turn::Begin
    }

    /// Forgets those that have rested, and if none has, the one that began fewest.
    ///
    /// An attacker with many networks can thus push out places that are nearly rested, and gains
    /// their few handshakes; those that are charged most stay.
    fn make_room(&mut self, now: Instant) {
        if self.0.len() < PLACES {
            return;
        }
        self.0.retain(|_, begun| begun.by(now).many > 0);
        if self.0.len() >= PLACES {
            let fewest = self
                .0
                .iter()
                .min_by_key(|(_, begun)| begun.by(now).many)
                .map(|(place, _)| *place)
                .expect("there are many");
            self.0.remove(&fewest);
        }
    }
}

/// What one sender can have many of counts as one: the last 64 bits of an IPv6 address.
fn place(socket: SocketAddr) -> IpAddr {
    match socket.ip().to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
    }
}

/// The first from a place that occurs most.
fn oldest_of_most(mut places: impl Iterator<Item = IpAddr> + Clone) -> Option<usize> {
    let mut counts = BTreeMap::<_, usize>::new();
    for place in places.clone() {
        *counts.entry(place).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    places.position(|place| counts[&place] == most)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn from(text: &str) -> SocketAddr {
        text.parse().expect("a socket")
    }

    #[tokio::test]
    async fn a_flood_from_one_place_ends_none_of_the_handshakes_of_others() {
        let mut handshakes = Handshakes::default();
        let under_way = || tokio::spawn(std::future::pending::<()>());
        let honest = under_way();
        assert!(!handshakes.begin(from("10.0.0.1:1"), honest.abort_handle()));
        let mut losers = 0;
        for port in 1..=200 {
            let flood = from(&format!("[2001:db8::{port:x}]:{port}"));
            losers += usize::from(handshakes.begin(flood, under_way().abort_handle()));
        }
        assert_eq!(losers, 201 - MOST);
        assert_eq!(handshakes.0.len(), MOST);
        assert!(handshakes.are_many());
        tokio::task::yield_now().await;
        assert!(!honest.is_finished());
    }

    /// Or who comes last, or from the highest address, would never get in.
    #[test]
    fn of_as_many_from_each_place_the_oldest_gives_way() {
        let places = (0..=MOST as u32).map(|place| Ipv4Addr::from_bits(place).into());
        assert_eq!(oldest_of_most(places.clone()), Some(0));
        assert_eq!(oldest_of_most(places.rev()), Some(0));
        assert_eq!(oldest_of_most([].into_iter()), None);
    }

    #[test]
    fn a_place_begins_so_many_handshakes_at_once_and_then_one_a_pause_however_long_it_tries() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let begun = |pace: &mut Pace, from: &str, tries: u32, now| {
            let turns = (0..tries).map(|_| pace.turn(self::from(from), true, now));
            turns.filter(|turn| *turn == Turn::Begin).count() as u32
        };
        assert_eq!(begun(&mut pace, "10.0.0.1:1", 10_000, start), BURST);
        for pauses in [1, 5, 60] {
            let late = start + PAUSE * pauses;
            let (mut pace, first) = (Pace::default(), start);
            begun(&mut pace, "10.0.0.1:1", 10_000, first);
            assert_eq!(begun(&mut pace, "10.0.0.1:2", 10_000, late), pauses);
        }
        assert_eq!(begun(&mut pace, "10.0.0.2:1", 10_000, start), BURST);
        let rested = start + PAUSE * BURST;
        assert_eq!(begun(&mut pace, "10.0.0.1:1", 10_000, rested), BURST);
    }

    /// What it costs is an answer of some bytes, and no handshake.
    #[test]
    fn who_writes_the_address_of_another_on_its_packets_takes_none_of_its_turns() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let victim = from("10.0.0.1:1");
        let turns: Vec<_> = (0..10_000)
            .map(|_| pace.turn(victim, false, start))
            .collect();
        assert_eq!(turns.last(), Some(&Turn::Validate));
        let proven = (0..10_000).map(|_| pace.turn(victim, true, start));
        let begun = proven.filter(|turn| *turn == Turn::Begin);
        assert_eq!(begun.count() as u32, BURST / 2);
    }

    #[test]
    fn however_many_places_there_are_few_are_remembered_and_the_busiest_among_them() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let busy = from("10.0.0.1:1");
        while pace.turn(busy, true, start) == Turn::Begin {}
        for number in 0..20_000 {
            let other = SocketAddr::from((Ipv4Addr::from_bits((11 << 24) + number), 1));
            assert_eq!(pace.turn(other, true, start), Turn::Begin);
            assert!(pace.0.len() <= PLACES);
        }
        assert_eq!(pace.turn(busy, true, start), Turn::Refuse);
    }

    #[tokio::test]
    async fn handshakes_that_are_done_do_not_count() {
        let mut handshakes = Handshakes::default();
        for port in 1..=MOST as u16 {
            let done = tokio::spawn(async {});
            let handle = done.abort_handle();
            done.await.expect("done");
            handshakes.begin((Ipv6Addr::LOCALHOST, port).into(), handle);
        }
        assert!(!handshakes.are_many());
    }
}
