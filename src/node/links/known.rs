//! Whom a node knows: who may speak with it, and where each of them listens.
//!
//! Who may speak is the roster's to say, which follows the generations. Where somebody listens is
//! only ever somebody's word: its own, the operator's, or that of another node, which may lie. So
//! what is known is bounded, what is passed on is what is vouched for, and knowing an address makes
//! no link: one is made when there is something to say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::{Links, Peer};
use crate::actor::Actor;
use crate::node::address::Address;
use crate::node::book::{Known, Unreached, Word};
use crate::node::frame::{BOOK, GUESTS, Hello};
use crate::node::roster::{Role, Roster, STRANGERS};

/// How an actor is reached.
pub(in crate::node) struct Reach {
    /// Its best address, hearsay too.
    pub(in crate::node) address: Option<Address>,
    pub(in crate::node) linked: bool,
    /// When it was heard last.
    pub(in crate::node) heard: Option<Instant>,
    /// Why the last attempt failed.
    pub(in crate::node) unreached: Vec<Unreached>,
}

impl Links {
    pub(in crate::node) fn update_roster(&self, change: impl FnOnce(&mut Roster)) {
        change(&mut self.roster.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(in crate::node) fn knows(&self, actor: &Actor) -> bool {
        self.read_roster(|roster| roster.knows(actor))
    }

    /// Whether this actor may follow the network, a member or not.
    pub(in crate::node) fn follows(&self, actor: &Actor) -> bool {
        self.read_roster(|roster| roster.follows(actor))
    }

    /// What a link to this actor is for now.
    pub(in crate::node) fn admit(&self, actor: &Actor) -> Option<Role> {
        self.read_roster(|roster| roster.admit(actor))
    }

    pub(super) fn read_roster<T>(&self, read: impl FnOnce(&Roster) -> T) -> T {
        read(&self.roster.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where this actor may listen, in somebody's words. A node without a seat keeps those of whom
    /// it does not know too, while there is room, and every node what a contact says: they may be
    /// members of later generations.
    ///
    /// Words about ourselves are dropped. No link is made by it: an address is used when there is
    /// something to say.
    pub(in crate::node) fn learn(self: &Arc<Self>, actor: Actor, word: Word, address: Address) {
        let known = self.knows(&actor);
        let curious = self.read_roster(|roster| match word {
            Word::Of(teller) if roster.contacts.contains(&teller) => true,
            _ => !roster.seated,
        });
        let mut peers = self.lock();
        let room = peers.known.contains_key(&actor) || peers.known.len() < self.most_peers();
        if (known || curious && room)
            && actor != self.key.actor()
            && let Some(peer) = self.peer(&mut peers, actor)
        {
            peer.addresses.learn(word, address);
        }
    }

    /// As many as can be members, and strangers.
    fn most_peers(&self) -> usize {
        self.limits.lanes as usize + STRANGERS
    }

    /// The addresses of this actor that are worth an attempt, the best first.
    pub(in crate::node) fn addresses(&self, actor: &Actor) -> Vec<Known> {
        let peers = self.lock();
        let peer = peers.known.get(actor);
        peer.map(|peer| peer.addresses.all()).unwrap_or_default()
    }

    /// How each actor is reached.
    pub(in crate::node) fn reach(&self) -> BTreeMap<Actor, Reach> {
        let peers = self.lock();
        let book = peers.known.iter().map(|(actor, peer)| {
            let best = peer.addresses.all().into_iter().next();
            let reach = Reach {
                address: best.map(|known| known.address),
                linked: peer.is_linked(),
                heard: peer.heard.last(),
                unreached: peer.attempts.failed().to_vec(),
            };
            (*actor, reach)
        });
        book.collect()
    }

    /// An actor was reached at none of its addresses. The operator is told of each once.
    pub(in crate::node) fn note_unreached(&self, actor: &Actor, failed: Vec<Unreached>) {
        let mut peers = self.lock();
        let peer = peers.known.get_mut(actor);
        let news = peer.map(|peer| peer.attempts.fail(failed));
        drop(peers);
        for Unreached { address, why } in news.unwrap_or_default() {
            let address = address.as_ref().map_or("?", Address::as_str);
            tracing::warn!(%actor, %address, %why, "not reached");
        }
    }

    /// Those of `actors` that were heard after `begin`.
    pub(in crate::node) fn heard_since(&self, begin: Instant, actors: &[Actor]) -> Vec<Actor> {
        let peers = self.lock();
        let last = |actor: &Actor| peers.known.get(actor).and_then(|peer| peer.heard.last());
        let heard = |actor: &&Actor| last(actor).is_some_and(|heard| heard > begin);
        actors.iter().filter(heard).copied().collect()
    }

    /// An actor speaks to us: it takes our link.
    pub(in crate::node) fn note_heard(&self, actor: &Actor) {
        if let Some(peer) = self.lock().known.get_mut(actor) {
            peer.attempts.hear();
        }
    }

    /// Where members and contacts listen, by their own word and the operator's.
    pub(in crate::node) fn book(&self) -> BTreeSet<(Actor, Address)> {
        let peers = self.lock();
        let trusted = |actor: &Actor| self.read_roster(|roster| roster.trusts(actor));
        let trusted = peers.known.iter().filter(|(actor, _)| trusted(actor));
        let told = trusted.flat_map(|(actor, peer)| {
            let vouched = peer.addresses.vouched();
            vouched.map(|address| (*actor, address.clone()))
        });
        told.collect()
    }

    /// Where the members listen, and we ourselves.
    ///
    /// No hearsay is among them, or one liar's address for a member would spread through all
    /// others.
    pub(in crate::node) fn contacts(&self) -> BTreeMap<Actor, Address> {
        let peers = self.lock();
        let member = |actor: &Actor| self.read_roster(|roster| roster.lanes.contains(actor));
        let members = peers
            .known
            .iter()
            .filter(|(actor, _)| member(actor))
            .filter_map(|(actor, peer)| {
                let best = peer.addresses.vouched().next()?;
                Some((*actor, best.clone()))
            });
        let own = self
            .address
            .clone()
            .map(|address| (self.key.actor(), address));
        own.into_iter().chain(members).take(BOOK).collect()
    }

    pub(in crate::node) fn hello(&self) -> Hello {
        Hello {
            address: self.address.clone(),
            book: self.contacts(),
            guests: self.read_roster(|roster| roster.expected(GUESTS)),
        }
    }

    /// Strangers without a connection are forgotten.
    pub(in crate::node) fn forget_stranger(&self, actor: &Actor) {
        if !self.knows(actor) {
            let mut peers = self.lock();
            let gone = |peer: &Peer| peer.addresses.is_empty() && !peer.is_linked();
            if peers.known.get(actor).is_some_and(gone) {
                peers.known.remove(actor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;
    use crate::actor::SigningActor;
    use crate::codec::{Digest, Limits, NetworkId};
    use crate::deterministic_secure_broadcast::{Body, Packet, SnapshotQuestion};
    use crate::quorum::Generation;

    fn links(roster: Roster) -> Arc<Links> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let key = SigningActor::from_secret(&[1; 32]);
        let network = NetworkId(Digest::from_bytes([7; 32]));
        let opened = Links::open(key, network, Limits::default(), socket, None, roster);
        opened.expect("opened").0
    }

    fn somewhere() -> Address {
        "somewhere:1".parse().expect("an address")
    }

    fn packet(to: Actor) -> Packet {
        let generation = Generation::GENESIS;
        let part = SnapshotQuestion::Manifest;
        let body = Body::FetchSnapshot { generation, part };
        let from = SigningActor::from_secret(&[1; 32]).actor();
        Packet { from, to, body }
    }

    fn actor(number: u16) -> Actor {
        let mut secret = [9; 32];
        secret[..2].copy_from_slice(&number.to_be_bytes());
        SigningActor::from_secret(&secret).actor()
    }

    #[tokio::test]
    async fn nothing_is_remembered_of_whom_nobody_knows_and_after_the_end_of_anybody() {
        let known: Vec<_> = (0..3).map(actor).collect();
        let links = links(Roster {
            lanes: known.iter().copied().collect(),
            seated: true,
            ..Roster::default()
        });
        for stranger in (10..90).map(actor) {
            links.send(&packet(stranger), &mut None);
            links.learn(stranger, Word::Of(known[0]), somewhere());
        }
        assert_eq!(links.lock().known.len(), 0);
        assert_eq!(links.traffic().dropped, 80);
        links.learn(known[0], Word::Own, somewhere());
        links.send(&packet(known[1]), &mut None);
        assert_eq!(links.lock().known.len(), 2);
        links.close().await;
        links.send(&packet(known[2]), &mut None);
        links.learn(known[2], Word::Operator, somewhere());
        assert_eq!(links.lock().known.len(), 0);
    }

    #[tokio::test]
    async fn a_node_without_a_seat_remembers_as_many_as_can_be_members_and_no_more() {
        let links = links(Roster::default());
        let most = links.most_peers();
        for number in 0..u16::try_from(most).expect("few") + 100 {
            links.learn(actor(number), Word::Operator, somewhere());
        }
        assert_eq!(links.lock().known.len(), most);
    }
}
