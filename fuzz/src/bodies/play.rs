//! A script of acts at a table: honest members that add, tick, restart and change their committee,
//! a network that loses, repeats and reorders, and a liar that says what it likes to whom it likes.
//! What is promised is asked for after each act.

use std::collections::BTreeMap;

use bft_crdts::codec::Digest;
use bft_crdts::deterministic_secure_broadcast::{Body, Fault, Packet, Record};
use bft_crdts::dot::{Dot, Head};
use bft_crdts::membership::Change;
use bft_crdts::orswot::Op;

use super::edit::{edit, flip};
use super::scene::{LIAR, Scene, limits, scenes};
use super::script::Script;
use super::sign::Pen;
use crate::common::{Table, add, remove};

/// Acts in one script.
const ACTS: usize = 48;
/// Packets that the network carries at once; the oldest are lost.
const UNDER_WAY: usize = 192;

/// Plays the script in `input` against replicas of the library.
pub fn handle_packet(input: &[u8]) {
    let mut script = Script::new(input);
    let scene = &scenes()[script.below(scenes().len())];
    let mut play = Play {
        table: scene.restore(),
        scene,
        left: false,
        told: BTreeMap::new(),
        seen: vec![0; scene.table.keys.len()],
    };
    play.check();
    for _ in 0..ACTS {
        if script.is_over() {
            break;
        }
        play.act(&mut script);
        play.check();
    }
}

struct Play {
    table: Table,
    scene: &'static Scene,
    /// Whether somebody correct was asked to leave: of five members one, so that the liar stays the
    /// only one too many.
    left: bool,
    /// What was delivered at each dot, by whomever.
    told: BTreeMap<Dot, Digest>,
    /// How many deliveries of each replica were looked at.
    seen: Vec<usize>,
}

impl Play {
    fn act(&mut self, script: &mut Script<'_>) {
        let seats = self.table.replicas.len();
        match script.below(16) {
            0 => self.propose(script.below(seats), script.byte()),
            1 | 2 => self.table.tick(script.below(seats)),
            3 => (0..=script.below(32)).for_each(|_| self.carry(0)),
            4 => self.carry(script.below(self.table.wire.len())),
            5 => drop(self.table.wire.remove(script.below(self.table.wire.len()))),
            6 => self.repeat(script),
            7 => self.restart(script.below(seats)),
            8 => self.approve(script),
            9 | 10 => self.forge(script),
            11 => self.harm(script),
            _ => self.lie(script),
        }
        let over = self.table.wire.len().saturating_sub(UNDER_WAY);
        self.table.wire.drain(..over);
    }

    fn propose(&mut self, seat: usize, member: u8) {
        let replica = &mut self.table.replicas[seat];
        let op = match member % 4 {
            0 => replica.ahead().remove(&(member / 4)),
            _ => Some(replica.ahead().add(member / 4)),
        };
        // No member, silenced or full: it says so.
        if let Some(Ok(step)) = op.map(|op| replica.propose(op)) {
            self.table.spend(seat, step);
        }
    }

    fn carry(&mut self, index: usize) {
        if let Some(packet) = self.table.wire.remove(index) {
            self.hand_over(packet);
        }
    }

    /// Taken or refused: the table sees to it that what is refused changes nothing.
    fn hand_over(&mut self, packet: Packet) {
        let _ = self.table.hand_over(packet);
    }

    fn repeat(&mut self, script: &mut Script<'_>) {
        if let Some(packet) = self.known(script) {
            self.hand_over(packet);
        }
    }

    fn restart(&mut self, seat: usize) {
        let before = (
            self.table.replicas[seat].frontier(),
            self.table.replicas[seat].generation(),
        );
        self.table.restart(seat);
        let replica = &self.table.replicas[seat];
        let after = (replica.frontier(), replica.generation());
        assert!(before.1 <= after.1, "a restart goes back");
        let goes_on =
            |(source, head): (_, &Head)| after.0.get(source).is_some_and(|now| now.seq >= head.seq);
        assert!(before.0.iter().all(goes_on), "a restart forgets");
    }

    fn approve(&mut self, script: &mut Script<'_>) {
        let (seats, size) = (
            self.table.replicas.len(),
            self.table.replicas[0].committee().size(),
        );
        let by = script.below(seats);
        let change = match script.below(4) {
            0 if !self.left && size == 5 => {
                self.left = true;
                Change::Leave(self.table.actor(1))
            }
            1 => Change::Leave(self.table.actor(LIAR)),
            2 if seats > 4 => self.table.entry(4 + script.below(seats - 4)),
            _ => Change::Renew,
        };
        if let Ok(step) = self.table.replicas[by].approve(change) {
            self.table.spend(by, step);
        }
    }

    /// Another first or next message of the liar, as it looks from one replica: two of them are an
    /// equivocation.
    fn forge(&mut self, script: &mut Script<'_>) {
        let (source, seats) = (self.table.actor(LIAR), self.table.replicas.len());
        let (view, to) = (script.below(seats), script.below(seats));
        let empty = Head::empty(&self.table.network());
        let parent = self.table.replicas[view].head(&source).unwrap_or(empty);
        let count = parent.seq.number() + 1;
        let ops: Vec<Op<u8>> = match script.below(4) {
            0 => vec![remove(self.table.actor(view), count, script.byte())],
            1 => vec![add(source, count + 1, script.byte())],
            _ => vec![add(source, count, script.byte())],
        };
        if parent.seq.next().is_none() {
            return;
        }
        let message = self.table.message(LIAR, parent, &ops);
        let body = Body::Proposal(self.table.sign(LIAR, message));
        let packet = Packet {
            from: source,
            to: self.table.actor(to),
            body,
        };
        self.hand_over(packet);
    }

    fn harm(&mut self, script: &mut Script<'_>) {
        let Some(packet) = self.known(script) else {
            return;
        };
        let mut bytes = packet.encode();
        (0..=script.below(3)).for_each(|_| flip(script, &mut bytes));
        if let Ok(packet) = Packet::decode(&bytes, &limits()) {
            self.hand_over(packet);
        }
    }

    fn lie(&mut self, script: &mut Script<'_>) {
        let Some(packet) = self.known(script) else {
            return;
        };
        let to = script.below(self.table.replicas.len());
        let committee = self.table.replicas[to].committee();
        let pen = Pen::new(&self.table.keys[LIAR], self.table.network(), committee);
        let mut packet = edit(script, self.scene, &pen, packet);
        packet.to = self.table.actor(to);
        self.hand_over(packet);
    }

    /// A packet of the run until now, or one that is under way.
    fn known(&self, script: &mut Script<'_>) -> Option<Packet> {
        let (pool, wire) = (&self.scene.pool, &self.table.wire);
        match script.below(2) {
            0 => script.pick(pool).cloned(),
            _ => wire.get(script.below(wire.len())).cloned(),
        }
    }

    // ---- what is promised

    fn check(&mut self) {
        let honest = |seat: &usize| *seat != LIAR;
        for seat in (0..self.table.replicas.len()).filter(honest) {
            self.check_verdicts(seat);
            self.check_deliveries(seat);
            self.check_holdings(seat);
        }
        self.check_packets();
    }

    fn check_verdicts(&self, seat: usize) {
        let (replica, liar) = (&self.table.replicas[seat], self.table.actor(LIAR));
        assert!(!replica.is_silenced(), "{seat} is silenced");
        assert!(
            replica.convicted().keys().all(|actor| *actor == liar),
            "the wrong one"
        );
        for fault in &self.table.faults[seat] {
            assert_eq!(fault.accused(), Some(liar), "{fault:?}");
            if let Fault::Equivocation(evidence) = fault {
                assert_eq!(evidence.verify(&self.table.network()), Ok(liar));
            }
        }
    }

    fn check_deliveries(&mut self, seat: usize) {
        let new = &self.table.delivered[seat][self.seen[seat]..];
        for (dot, digest) in new {
            let first = self.told.entry(*dot).or_insert(*digest);
            assert_eq!(first, digest, "two messages at {dot}");
        }
        let own = &self.table.delivered[seat];
        for (index, (dot, _)) in own.iter().enumerate().skip(self.seen[seat]) {
            let before = own[..index].iter().map(|(dot, _)| dot);
            assert!(
                before
                    .filter(|other| other.source == dot.source)
                    .all(|other| other.seq < dot.seq),
                "{dot} out of order"
            );
        }
        self.seen[seat] = own.len();
    }

    fn check_holdings(&self, seat: usize) {
        let (held, limits) = (self.table.replicas[seat].memory_use(), limits());
        let lane = 2 * limits.message_bytes + limits.segment_bytes;
        assert!(held.lanes <= limits.lanes as usize);
        assert!(held.most_lane_bytes <= lane as usize, "{held:?}");
        assert!(held.outbox_bytes <= limits.outbox_bytes as usize);
        assert!(held.evidence <= limits.lanes as usize);
        assert!(held.peers <= limits.lanes as usize, "{held:?}");
    }

    /// What a replica sends fits the bounds that it holds others to.
    fn check_packets(&self) {
        let limits = limits();
        for packet in self.table.wire.iter().rev().take(16) {
            let within = packet.body.check(&limits);
            assert!(within.is_ok(), "{within:?}: {packet:#?}");
            assert!(packet.encode().len() <= limits.packet_bytes as usize);
        }
    }
}

/// What a list of records says was delivered last, lane by lane.
pub(super) fn ends(records: &[Record]) -> BTreeMap<bft_crdts::Actor, Dot> {
    let mut ends = BTreeMap::new();
    for record in records {
        if let Record::Delivered(dot) = record {
            ends.insert(dot.source, *dot);
        }
    }
    ends
}
