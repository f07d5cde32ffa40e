//! Handshakes that others began: a few at a time, and whoever has most of them loses one first.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use tokio::task::AbortHandle;

/// Handshakes at once.
pub(super) const MOST: usize = 64;

/// Those under way, the oldest first, and where each comes from.
#[derive(Default)]
pub(super) struct Handshakes(VecDeque<(IpAddr, AbortHandle)>);

impl Handshakes {
    /// Whether senders have to prove their address before anything is done for them.
    pub(super) fn are_many(&mut self) -> bool {
        self.0.retain(|(_, handshake)| !handshake.is_finished());
        self.0.len() > MOST / 4
    }

    /// One more. When there are too many, the oldest of the place that has most gives way: a flood from one place keeps
    /// nobody else out. Whether one did.
    pub(super) fn begin(&mut self, from: SocketAddr, handshake: AbortHandle) -> bool {
        self.0.push_back((place(from), handshake));
        let crowded = self.0.len() > MOST;
        let places = self.0.iter().map(|(place, _)| *place);
        let loser = crowded.then(|| oldest_of_most(places)).flatten();
        let lost = loser.and_then(|index| self.0.remove(index));
        lost.inspect(|(_, handshake)| handshake.abort()).is_some()
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
