//! Scenarios: what is done to a network, as data, so that a failure can be shrunk to a handful of
//! acts.

#[cfg(feature = "quickcheck")]
mod arbitrary;
mod code;
mod course;
mod draw;
mod family;
mod phase;
mod plan;
mod shrink;
mod story;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use draw::Shape;
pub use family::Family;
pub use phase::Phase;

use super::adversary::Vice;
use super::{Faults, Net, SimBuilder, TICK_MICROS};
use crate::actor::Actor;
use crate::codec::Limits;
use crate::store::MemoryStore;
use crate::traits::WireAlgorithm;

/// One thing that is done to a network. Members are named by seat, modulo their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Act {
    /// A member proposes the operation that `pick` stands for.
    Propose {
        /// Who.
        who: u8,
        /// What; the player of the scenario turns it into an operation.
        pick: u16,
    },
    /// Time passes.
    Run {
        /// Tenths of a tick.
        tenths: u8,
    },
    /// The members whose bits are set are cut off from the others.
    Partition {
        /// One bit a seat.
        side: u16,
    },
    /// Everything in one direction between two members is lost.
    Cut {
        /// From whom.
        from: u8,
        /// To whom.
        to: u8,
    },
    /// Everything in one direction between two members is slow.
    Clog {
        /// From whom.
        from: u8,
        /// To whom.
        to: u8,
    },
    /// Faults and cuts end.
    Heal,
    /// A member crashes between two steps.
    Crash {
        /// Who.
        who: u8,
    },
    /// A member crashes in the middle of its next step that writes.
    CrashWhileWriting {
        /// Who.
        who: u8,
        /// How many records of the step survive.
        records: u8,
        /// How many bytes of the next one do.
        torn: u8,
    },
    /// Somebody new asks to be let in, unless there are enough members.
    Join,
    /// A member asks to leave, unless the liars would be too many among those that stay.
    Leave {
        /// Who.
        who: u8,
    },
    /// A member asks for a new generation.
    Renew {
        /// Who.
        who: u8,
    },
    /// A member that is down starts again.
    Restart {
        /// Who.
        who: u8,
    },
    /// A member's store is copied.
    Backup {
        /// Whose.
        who: u8,
    },
    /// A member starts again from the copy of its store, if there is one. It counts as a liar from
    /// then on; where that were one liar too many, nothing happens.
    Restore {
        /// Who.
        who: u8,
    },
    /// The keys of members that have left come into the wrong hands. Whoever has them certifies, in
    /// an old generation, what that one never saw, if they are a quorum of it and everybody has
    /// left it behind; else nothing happens.
    MisuseRetiredKeys {
        /// What; as for [`Act::Propose`].
        pick: u16,
    },
    /// Time passes until so many correct members have come so far in the change that is under way;
    /// no longer than a few rounds of the agreement take.
    Await {
        /// How far.
        phase: Phase,
        /// How many of them, at most all.
        many: u8,
    },
    /// All correct members crash at once.
    CrashAll,
    /// Everybody that is down starts again.
    RestartAll,
    /// Each packet takes up to so much longer until the network heals.
    Slow {
        /// In ticks.
        ticks: u8,
    },
    /// Time passes until the agreement on the next generation is in so late a round at a correct
    /// member, or there is none; at most a hundred ticks for each.
    Rounds {
        /// How many rounds.
        many: u8,
    },
    /// Everything that is said of the agreement in one direction between two members is lost until
    /// the network heals.
    Hush {
        /// From whom.
        from: u8,
        /// To whom.
        to: u8,
    },
    /// Like [`Act::MisuseRetiredKeys`], to those who are behind: whoever can be shown the chain of
    /// generations is shown it first.
    RobSleepers {
        /// What; as for [`Act::Propose`].
        pick: u16,
    },
    /// Somebody new asks to be let in, with the name of the newest generation in its invitation.
    /// Who has retired keys of the first generation shows it what they certify, and a generation of
    /// their own, before anybody else speaks to it.
    Invite {
        /// What; as for [`Act::Propose`].
        pick: u16,
    },
    /// Like [`Act::Leave`], of a founder.
    Retire {
        /// Which of the founders, modulo their number.
        who: u8,
    },
    /// Like [`Act::Join`], of more than there can be seats for.
    Knock,
    /// A member approves from now on nothing that it is not told to approve by an act of its own.
    Reserved {
        /// Who.
        who: u8,
    },
    /// Each packet takes so much longer until the network heals.
    Lag {
        /// In ticks.
        ticks: u8,
    },
    /// Like [`Act::Renew`], of a founder.
    Insist {
        /// Which of the founders, modulo their number.
        who: u8,
    },
    /// Somebody new follows the network, and asks for nothing.
    Follow,
    /// All members consent at once to the entry of everybody who follows, and to their own leaving.
    HandOver,
    /// From now on who has left is switched off for good as soon as it may be.
    SwitchOff,
    /// From now on who starts again signs nothing before members have told it what its key has
    /// signed.
    Doubt,
}

/// A network and what is done to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Decides everything that is not said here.
    pub seed: u64,
    /// How many members, liars included; at least one.
    pub members: u8,
    /// The vices of each liar; liars beyond what the committee tolerates are left out.
    pub liars: Vec<Vec<Vice>>,
    /// What the links do to packets, until the network heals.
    pub faults: Faults,
    /// The packets, by number, that faults and varying latency may touch: all of them, until a
    /// failure is shrunk. The others arrive unharmed after the shortest latency.
    pub unruly: Range<u64>,
    /// What is done, in order.
    pub acts: Vec<Act>,
}

impl Default for Scenario {
    /// Four correct members on links that only take their time, to whom nothing is done.
    fn default() -> Self {
        Self {
            seed: 0,
            members: 4,
            liars: Vec::new(),
            faults: Faults::default(),
            unruly: 0..u64::MAX,
            acts: Vec::new(),
        }
    }
}

impl Scenario {
    /// The same without changes of the committee.
    ///
    /// For subjects and checks that know of one generation alone.
    #[must_use]
    pub fn with_a_fixed_committee(mut self) -> Self {
        let changes = |act: &Act| {
            matches!(
                act,
                Act::Join
                    | Act::Leave { .. }
                    | Act::Renew { .. }
                    | Act::Retire { .. }
                    | Act::Knock
                    | Act::Invite { .. }
                    | Act::Insist { .. }
                    | Act::HandOver
                    | Act::Follow
            )
        };
        self.acts.retain(|act| !changes(act));
        self
    }

    /// Plays the acts, then [settles](Net::settle). `pick` turns a number into an operation that is
    /// valid for `actor` on the given state, or none; `prepare` may add to the builder.
    ///
    /// # Panics
    /// When a promise is broken; see [`Violation`](super::Violation).
    pub fn play<A: WireAlgorithm>(
        &self,
        prepare: impl FnOnce(SimBuilder<A>) -> SimBuilder<A>,
        pick: impl Fn(&A, &Actor, u16) -> Option<A::Op>,
    ) -> Net<A> {
        let members = usize::from(self.members.max(1));
        let mut builder = Net::builder(self.seed).members(members);
        let liars = self.liars.len().min((members - 1) / 3);
        for vices in &self.liars[..liars] {
            builder = builder.byzantine_boxed(Vice::seat(vices));
        }
        builder = builder.limits(limits(members)).faults(self.faults.clone());
        builder = builder.unruly(self.unruly.clone());
        builder = builder.with_old_keys().approving();
        // In no drawing of a scenario, since nothing that happens depends on it.
        builder = builder.checking_ahead(AHEAD[(self.seed % 4) as usize]);
        let mut stage = Stage {
            net: prepare(builder).build(),
            backups: BTreeMap::new(),
        };
        for act in &self.acts {
            stage.perform(*act, &pick);
        }
        stage.net.settle();
        stage.net
    }
}

/// Packets that are checked ahead, in so many kinds of networks.
///
/// Chosen by the seed: in half of the networks none.
const AHEAD: [usize; 4] = [0, 0, 2, 16];

/// Participants in a scenario, at most: more are slower and show nothing more.
const MOST_ACTORS: usize = 10;

/// The same with those who have no hope of being let in.
const MOST_KNOCKING: usize = 14;

/// Bounds so small that a handful of acts reaches them: fewer seats than there may be participants.
///
/// Lanes are more than seats, so that lanes of those who left have room.
fn limits(members: usize) -> Limits {
    let seats = members.max(9) as u32;
    Limits {
        message_bytes: 4 << 10,
        message_ops: 8,
        seats,
        lanes: 24.max(seats + 8),
        packet_bytes: if seats > 9 { 256 << 10 } else { 64 << 10 },
        segment_bytes: 4 << 10,
        segment_messages: 3,
        outbox_bytes: 8 << 10,
    }
}

/// Where nobody correct is, there is no committee to ask.
fn somebody_is_up<A: WireAlgorithm>(net: &Net<A>) -> bool {
    net.honest_actors().iter().any(|actor| !net.is_down(actor))
}

/// A network that acts are performed on.
///
/// Acts that cannot be performed are left out, so that any part of a scenario is a scenario.
struct Stage<A: WireAlgorithm> {
    net: Net<A>,
    /// The newest copy of each store that was copied.
    backups: BTreeMap<Actor, MemoryStore>,
}

impl<A: WireAlgorithm> Stage<A> {
    /// Members are named by their places among all participants at that time.
    fn perform(&mut self, act: Act, pick: &impl Fn(&A, &Actor, u16) -> Option<A::Op>) {
        let net = &mut self.net;
        let actors = net.actors();
        let seat = |index: u8| actors[usize::from(index) % actors.len()];
        match act {
            Act::Propose { who, pick: number } => propose(net, &seat(who), number, pick),
            Act::Run { tenths } => net.run_for(u64::from(tenths) * TICK_MICROS / 10),
            Act::Partition { side } => net.partition(&sided(&actors, side)),
            Act::Cut { from, to } => net.cut(&seat(from), &seat(to)),
            Act::Clog { from, to } => net.clog(&seat(from), &seat(to)),
            Act::Heal => net.heal(),
            Act::Crash { who } => net.crash(&seat(who)),
            Act::CrashWhileWriting { who, records, torn } => {
                net.crash_while_writing(&seat(who), usize::from(records), usize::from(torn));
            }
            Act::Restart { who } => net.restart(&seat(who)),
            Act::Backup { who } => self.back_up(seat(who)),
            Act::Restore { who } => self.restore(&seat(who)),
            Act::MisuseRetiredKeys { pick: number } if somebody_is_up(net) => {
                let op = |algorithm: &A, who: &Actor, other: u16| {
                    pick(algorithm, who, number.wrapping_add(other))
                };
                net.misuse_retired_keys(op);
            }
            Act::Await { phase, many } => net.run_to(phase, usize::from(many)),
            Act::CrashAll => net.crash_all(),
            Act::Hush { from, to } => net.hush(&seat(from), &seat(to)),
            Act::RestartAll => actors.iter().for_each(|who| net.restart(who)),
            Act::Slow { ticks } => net.slow_down(u64::from(ticks) * TICK_MICROS),
            Act::Rounds { many } => net.run_rounds(u32::from(many)),
            Act::RobSleepers { pick: number } if somebody_is_up(net) => {
                net.rob_sleepers(|algorithm, who, other| {
                    pick(algorithm, who, number.wrapping_add(other))
                });
            }
            Act::Invite { pick: number } if actors.len() < MOST_ACTORS && somebody_is_up(net) => {
                net.rob_invited(|algorithm, who, other| {
                    pick(algorithm, who, number.wrapping_add(other))
                });
            }
            Act::Reserved { who } => net.reserve(&seat(who)),
            Act::MisuseRetiredKeys { .. } => {}
            Act::Lag { ticks } => net.lag(u64::from(ticks) * TICK_MICROS),
            Act::SwitchOff => net.switch_off_leavers(),
            Act::Doubt => net.doubt(),
            Act::RobSleepers { .. } | Act::Invite { .. } => {}
            Act::Knock
            | Act::Follow
            | Act::HandOver
            | Act::Retire { .. }
            | Act::Insist { .. }
            | Act::Join
            | Act::Leave { .. }
            | Act::Renew { .. } => self.change_members(act, &actors),
        }
    }

    /// Performs an act that concerns who is a member, if it can be.
    fn change_members(&mut self, act: Act, actors: &[Actor]) {
        let net = &mut self.net;
        let seat = |index: u8| actors[usize::from(index) % actors.len()];
        let founders: Vec<_> = net.genesis().members().iter().copied().collect();
        let founder = |index: u8| founders[usize::from(index) % founders.len()];
        let open = somebody_is_up(net);
        match act {
            Act::Join if actors.len() < MOST_ACTORS && open => {
                net.join();
            }
            Act::Knock if actors.len() < MOST_KNOCKING && open => {
                net.join();
            }
            Act::Follow if actors.len() < MOST_ACTORS && open => {
                net.follow();
            }
            Act::Leave { who } if may_shrink(net) => {
                let _ = net.leave(&seat(who));
            }
            Act::Retire { who } if may_shrink(net) => {
                let _ = net.leave(&founder(who));
            }
            Act::Renew { who } => {
                let _ = net.renew(&seat(who));
            }
            Act::Insist { who } => {
                let _ = net.renew(&founder(who));
            }
            Act::HandOver if may_hand_over(net) => net.hand_over(),
            _ => {}
        }
    }

    /// A later copy takes the place of an earlier one.
    fn back_up(&mut self, who: Actor) {
        if let Some(store) = self.net.backup(&who) {
            self.backups.insert(who, store);
        }
    }

    /// A liar has no store, and one more Byzantine member has to be bearable.
    fn restore(&mut self, who: &Actor) {
        let net = &mut self.net;
        let lies = net.liars().contains(who);
        let bearable = !net.is_correct(who) || bears_another(net);
        if !lies
            && bearable
            && let Some(copy) = self.backups.get(who)
        {
            net.crash(who);
            net.restore(who, copy.clone());
            net.restart(who);
        }
    }
}

/// Nothing happens when it is down, or `pick` has nothing for it.
fn propose<A: WireAlgorithm>(
    net: &mut Net<A>,
    who: &Actor,
    number: u16,
    pick: &impl Fn(&A, &Actor, u16) -> Option<A::Op>,
) {
    if !net.is_down(who)
        && let Some(op) = pick(net.ahead(who), who, number)
    {
        // A refusal to propose is the replica's right; what it accepts must arrive.
        let _ = net.propose(who, op);
    }
}

/// Those beyond the sixteenth share bits with others.
fn sided(actors: &[Actor], side: u16) -> Vec<Actor> {
    let bits = actors.iter().enumerate();
    let sided = bits.filter(|(index, _)| side >> (index % 16) & 1 == 1);
    sided.map(|(_, actor)| *actor).collect()
}

/// Whether those that stay still tolerate the liars. Leaves that are under way count.
fn may_shrink<A: WireAlgorithm>(net: &Net<A>) -> bool {
    somebody_is_up(net) && !net.is_changing() && net.committee().size() > 3 * faulty(net) + 2
}

/// Whether nobody lies, or ever did: those who stay are others then, of whom nobody does.
fn may_hand_over<A: WireAlgorithm>(net: &Net<A>) -> bool {
    somebody_is_up(net) && !net.is_changing() && faulty(net) == 0
}

/// Whether one more of the committee may lie.
fn bears_another<A: WireAlgorithm>(net: &Net<A>) -> bool {
    somebody_is_up(net) && !net.is_changing() && net.committee().size() > 3 * faulty(net) + 3
}

/// Members of the newest committee that lie, or whose store was replaced by an older copy.
fn faulty<A: WireAlgorithm>(net: &Net<A>) -> usize {
    let members = net.committee().actors().iter();
    members.filter(|member| !net.is_correct(member)).count()
}
