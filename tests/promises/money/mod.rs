//! What the tests of money on a network share.

use std::sync::Arc;

use bft_crdts::codec::encode;
use bft_crdts::deterministic_secure_broadcast::Body;
use bft_crdts::net::{Act, Adversary, Hand, Scenario, Tick, Vice};
use bft_crdts::traits::WireAlgorithm;

/// The brazen: signs whatever it is told to, all in one message, and shows it to everybody. Else it
/// behaves.
#[derive(Debug, Default)]
pub(crate) struct Brazen<Op> {
    ops: Vec<Op>,
}

impl<Op> Brazen<Op> {
    pub(crate) fn new() -> Self {
        Self { ops: Vec::new() }
    }
}

impl<A: WireAlgorithm> Adversary<A> for Brazen<A::Op> {
    fn on_propose(&mut self, _: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        self.ops.push(op);
        None
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        let head = hand.half().head(&hand.actor()).expect("a member");
        let ops = std::mem::take(&mut self.ops);
        if let (false, Some(seq)) = (ops.is_empty(), head.seq.next()) {
            let proposal = hand.sign_message(seq, head.digest, encode(&ops));
            for member in hand.others() {
                hand.send(member, Body::Proposal(Arc::clone(&proposal)));
            }
        }
        Some(tick)
    }
}

/// The same scenario among at least four members, with this thief, and with two payments by each
/// member at the beginning: so the thief always has two of its own to show.
pub(crate) fn with_thief(mut scenario: Scenario, thief: Vice) -> Scenario {
    scenario.members = scenario.members.max(4);
    scenario.liars = vec![vec![thief]];
    let payments =
        (0..scenario.members).flat_map(|who| [0, 16].map(|pick| Act::Propose { who, pick }));
    let acts = std::mem::take(&mut scenario.acts);
    scenario.acts = payments.chain(acts).collect();
    scenario
}
