//! Packets that wait have their signatures checked together, before any of them is taken in: that
//! costs less than to check them one by one, and other threads can do it.
//!
//! Inputs: packets of members that wait. Output: a [`Precheck`], which borrows nothing, and of it a
//! [`Prechecked`]. Invariants: only what the rules would check now is asked, so that what costs
//! nothing on arrival goes on costing nothing; and nothing but time depends on what was asked. A
//! checked signature says that a key signed: seat, generation and place are asked by the rules, as
//! ever, and what was not checked ahead they check themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Replica;
use super::lane::Slot;
use super::message::{Certificate, Echo, Entry, Proposal, Summary};
use super::packet::{Body, Packet};
use crate::actor::{Actor, CheckedSignatures, Claim, PublicKey, SignatureBatch, Signed, Statement};
use crate::codec::NetworkId;
use crate::traits::WireAlgorithm;

/// The signatures of packets that wait. Any thread may check them.
#[derive(Debug, Default)]
pub struct Precheck {
    /// Each signature with the member whose packet it came in: who spoils the batch is known by
    /// that.
    batch: SignatureBatch,
    /// Hashed ahead as well, since hashing a message costs more than its signature when it is long.
    entries: Entries,
}

impl Precheck {
    /// Checks the signatures: with one equation, if all are good, and else each by itself. With
    /// feature `parallel` all processors take part.
    #[must_use]
    pub fn run(self) -> Prechecked {
        Prechecked {
            signatures: self.batch.check(),
            entries: self.entries,
        }
    }

    /// Adds what this key is said to have signed. Whether that is new.
    fn add<T: Statement>(
        &mut self,
        from: Actor,
        network: &NetworkId,
        key: &PublicKey,
        said: &Signed<T>,
    ) -> bool {
        let digest = said.statement.digest(network);
        self.batch.add(from, Claim::new(key, digest, said.sig))
    }

    /// How many signatures it would check.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether there is nothing to check.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What was found out about packets before they are taken in, for [`Replica::trust`].
#[derive(Debug, Default)]
pub struct Prechecked {
    signatures: CheckedSignatures,
    entries: Entries,
}

impl Prechecked {
    /// Who sent a bad signature, by the [`Packet::from`] of what brought it: that means something
    /// where your transport knows the sender. Whoever does it again and again makes each batch with
    /// its packets be checked one by one: leave those out of the next.
    pub fn spoilers(&self) -> impl Iterator<Item = &Actor> {
        self.signatures.spoilers()
    }

    pub(super) fn signatures(&self) -> &CheckedSignatures {
        &self.signatures
    }
}

/// Proposals that were hashed for a network, each under its address, which nothing else has while
/// it is kept here.
#[derive(Debug, Default)]
struct Entries {
    network: Option<NetworkId>,
    by_address: BTreeMap<usize, Entry>,
}

impl Entries {
    fn address(proposal: &Arc<Proposal>) -> usize {
        Arc::as_ptr(proposal).addr()
    }
}

/// What is asked of packets, and what was asked already.
///
/// It bounds what a liar can have checked in vain: of each lane one proposal and one certificate,
/// of each lock as many echoes as it needs, of each member one report, and the same summary once.
/// Approvals and votes are those that the rules would check, too.
struct Asked<'a, A: WireAlgorithm> {
    replica: &'a Replica<A>,
    precheck: Precheck,
    /// What each signer was last asked for.
    summaries: BTreeMap<Actor, &'a Signed<Summary>>,
    /// Sources of which a proposal was asked.
    proposed: BTreeSet<Actor>,
    /// Sources of which a certificate was asked.
    certified: BTreeSet<Actor>,
    /// Members of which a report was asked.
    reported: BTreeSet<Actor>,
    /// How many more echoes a lock needs.
    missing: BTreeMap<Actor, usize>,
}

impl<A: WireAlgorithm> Replica<A> {
    /// The signatures of these packets that would be checked if they were taken in now. Members'
    /// packets alone are looked at. It hashes, and checks nothing.
    #[must_use]
    pub fn precheck<'a>(&'a self, packets: impl IntoIterator<Item = &'a Packet>) -> Precheck {
        let mut asked = Asked {
            replica: self,
            precheck: Precheck::default(),
            summaries: BTreeMap::new(),
            proposed: BTreeSet::new(),
            certified: BTreeSet::new(),
            reported: BTreeSet::new(),
            missing: BTreeMap::new(),
        };
        asked.precheck.entries.network = Some(self.history.network);
        // Then a packet is at most a hint of whom to ask.
        let deaf = self.awaits_checkpoint() || self.is_in_doubt();
        for packet in packets.into_iter().filter(|_| !deaf) {
            asked.ask(packet);
        }
        asked.precheck
    }

    /// Believes what was checked, until the next call. Packets are taken in as before.
    ///
    /// What the last call brought is forgotten. Entries are used up as their packets are taken in.
    pub fn trust(&mut self, checked: Prechecked) {
        self.checked = checked;
    }

    /// A proposal with its digest, which may have been computed ahead.
    ///
    /// An entry that was hashed ahead is of this very allocation, so that it is of this message.
    pub(super) fn entry(&mut self, proposal: Arc<Proposal>) -> Entry {
        let entries = &mut self.checked.entries;
        let ours = entries.network == Some(self.history.network);
        let address = Entries::address(&proposal);
        let ahead = entries.by_address.remove(&address).filter(|_| ours);
        ahead.unwrap_or_else(|| Entry::new(&self.history.network, proposal))
    }
}

impl<'a, A: WireAlgorithm> Asked<'a, A> {
    /// Asks for what [`handle_packet`](Replica::handle_packet) asks before any signature: receiver,
    /// generation, bounds; and that the sender has a seat.
    fn ask(&mut self, packet: &'a Packet) {
        let replica = self.replica;
        let Packet { from, to, body } = packet;
        let here = body
            .generation()
            .is_none_or(|said| said == replica.generation());
        let seated = replica.history.committee.contains(from);
        if *to != replica.actor() || !here || !seated || body.check(replica.limits()).is_err() {
            return;
        }
        match body {
            Body::Proposal(proposal) => self.ask_proposal(*from, proposal),
            Body::Echo(echo) => self.ask_echo(*from, echo),
            Body::Certificate(certificate) => self.ask_certificate(*from, certificate),
            Body::Announce(summary) | Body::SummaryAck(summary) => {
                self.ask_summary(*from, summary);
            }
            Body::Approve(approved) => self.ask_member(*from, &approved.approval),
            Body::Report { report, .. } => {
                let reports = &replica.transition.reports.held;
                if !reports.contains_key(&report.signer) && self.reported.insert(report.signer) {
                    self.ask_member(*from, report);
                }
            }
            Body::Agreement { message, .. } => {
                let agreement = replica.transition.agreement.iter();
                for vote in agreement.flat_map(|it| it.unknown_votes(message)) {
                    self.ask_member(*from, vote);
                }
            }
            _ => {}
        }
    }

    /// What a member says of the end of this generation.
    fn ask_member<T: Statement>(&mut self, from: Actor, said: &Signed<T>) {
        let history = &self.replica.history;
        if let Ok(key) = history.committee.key_of(&said.signer) {
            self.precheck.add(from, &history.network, key, said);
        }
    }

    /// The source's signature on a message that is next in its lane, if nothing is known there.
    fn ask_proposal(&mut self, from: Actor, proposal: &Arc<Proposal>) {
        let replica = self.replica;
        let dot = proposal.message.dot();
        let free = replica.lanes.get(&dot.source).is_some_and(|lane| {
            matches!(lane.slot, Slot::Open) && dot.seq.follows(lane.head().seq)
        });
        let known = proposal.generation <= replica.generation();
        let key = replica.history.committee.key_of(&dot.source);
        let Ok(key) = key else { return };
        if !free || !known || !self.proposed.insert(dot.source) {
            return;
        }
        let entry = Entry::new(&replica.history.network, Arc::clone(proposal));
        // What contradicts something is evidence, or old news.
        let said = entry.echo();
        if replica.held_against(&said).is_none() {
            self.precheck
                .add(from, &replica.history.network, key, &said);
        }
        let address = Entries::address(proposal);
        self.precheck.entries.by_address.insert(address, entry);
    }

    /// An echo that our lock still needs.
    fn ask_echo(&mut self, from: Actor, echo: &Signed<Echo>) {
        let replica = self.replica;
        let Echo { dot, .. } = echo.statement;
        let committee = &replica.history.committee;
        let Some(lane) = replica.lanes.get(&dot.source) else {
            return;
        };
        let Some(lock) = lane.lock().filter(|_| dot.seq > lane.head().seq) else {
            return;
        };
        let (Some(seat), Ok(key)) = (committee.seat(&echo.signer), committee.key_of(&echo.signer))
        else {
            return;
        };
        let counted = lock.tally.signature(seat).is_some();
        let needed = self.missing.entry(dot.source);
        let missing = needed.or_insert_with(|| lock.tally.missing(committee));
        if counted || *lock.tally.statement() != echo.statement || *missing == 0 {
            return;
        }
        let network = &replica.history.network;
        if self.precheck.add(from, network, key, echo) {
            *missing -= 1;
        }
    }

    /// The signatures of a certificate that is next in its lane, without those that are known.
    fn ask_certificate(&mut self, from: Actor, certificate: &Arc<Certificate>) {
        let replica = self.replica;
        let dot = certificate.statement.dot;
        let history = &replica.history;
        let next = replica
            .lanes
            .get(&dot.source)
            .is_some_and(|lane| lane.certified.is_none() && dot.seq.follows(lane.head().seq));
        let committee = history
            .committee_of(certificate.statement.generation)
            .filter(|committee| {
                next && history.vouches(certificate) && committee.check_shape(certificate).is_ok()
            });
        let Some(committee) = committee.filter(|_| self.certified.insert(dot.source)) else {
            return;
        };
        let digest = certificate.statement.digest(&history.network);
        for (seat, sig) in &certificate.signatures {
            let key = committee.key(*seat).expect("its seats were looked at");
            if !replica.has_counted(&certificate.statement, *seat, sig) {
                self.precheck.batch.add(from, Claim::new(key, digest, *sig));
            }
        }
    }

    /// Where a member stands, if it has not said so last.
    fn ask_summary(&mut self, from: Actor, summary: &'a Signed<Summary>) {
        let history = &self.replica.history;
        let peer = self.replica.peers.get(&summary.signer);
        let said_last = peer.is_some_and(|peer| peer.said_last(summary));
        if said_last || self.summaries.insert(summary.signer, summary) == Some(summary) {
            return;
        }
        let committee = history.seated(&summary.signer);
        if let Some(Ok(key)) = committee.map(|committee| committee.key_of(&summary.signer)) {
            self.precheck.add(from, &history.network, key, summary);
        }
    }
}
