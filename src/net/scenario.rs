//! Scenarios: what is done to a network, as data, so that a failure can be shrunk to a handful of acts.

use super::adversary::Vice;
use super::{Faults, Net, NetBuilder, TICK_MICROS};
use crate::actor::Actor;
use crate::traits::Wire;

/// One thing that is done to a network. Members are named by seat, modulo their number.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// A network and what is done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Decides everything that is not said here.
    pub seed: u64,
    /// How many members, liars included; at least one.
    pub members: u8,
    /// Liars; those beyond what the committee tolerates are left out.
    pub liars: Vec<Vice>,
    /// Whether packets are lost, repeated, corrupted and delayed, until the network heals.
    pub hostile: bool,
    /// What is done, in order.
    pub acts: Vec<Act>,
}

impl Scenario {
    /// The same without changes of the committee.
    #[must_use]
    pub fn with_a_fixed_committee(mut self) -> Self {
        let changes = |act: &Act| matches!(act, Act::Join | Act::Leave { .. } | Act::Renew { .. });
        self.acts.retain(|act| !changes(act));
        self
    }

    /// Plays the acts, then [settles](Net::settle). `pick` turns a number into an operation that is valid for `actor`
    /// on the given state, or none; `prepare` may add to the builder.
    ///
    /// # Panics
    /// When a promise is broken; see [`Violation`](super::Violation).
    pub fn play<A: Wire>(
        &self,
        prepare: impl FnOnce(NetBuilder<A>) -> NetBuilder<A>,
        pick: impl Fn(&A, &Actor, u16) -> Option<A::Op>,
    ) -> Net<A> {
        let members = usize::from(self.members.max(1));
        let mut builder = Net::builder(self.seed).members(members);
        for vice in self.liars.iter().take((members - 1) / 3) {
            builder = builder.byzantine_boxed(Vice::seat(&[*vice]));
        }
        if self.hostile {
            builder = builder.faults(Faults::hostile());
        }
        let mut net = prepare(builder.approving()).build();
        for act in &self.acts {
            perform(&mut net, act, &pick);
        }
        net.settle();
        net
    }
}

/// Participants in a scenario, at most: more are slower and show nothing more.
const MOST_ACTORS: usize = 10;

fn somebody_is_up<A: Wire>(net: &Net<A>) -> bool {
    net.honest_actors().iter().any(|actor| !net.is_down(actor))
}

/// Whether those that stay still tolerate the liars. Leaves that are under way count.
fn may_shrink<A: Wire>(net: &Net<A>) -> bool {
    let committee = net.committee();
    let liars = net
        .liars()
        .iter()
        .filter(|liar| committee.contains(liar))
        .count();
    committee.size() > 3 * liars + 2 && !net.is_changing()
}

fn perform<A: Wire>(net: &mut Net<A>, act: &Act, pick: &impl Fn(&A, &Actor, u16) -> Option<A::Op>) {
    let actors = net.actors();
    let seat = |index: u8| actors[usize::from(index) % actors.len()];
    match *act {
        Act::Propose { who, pick: number } => {
            let who = seat(who);
            if !net.is_down(&who)
                && let Some(op) = pick(net.ahead(&who), &who, number)
            {
                // A refusal to propose is the replica's right; what it accepts must arrive.
                let _ = net.propose(&who, op);
            }
        }
        Act::Run { tenths } => net.run_for(u64::from(tenths) * TICK_MICROS / 10),
        Act::Partition { side } => {
            let sided = actors
                .iter()
                .enumerate()
                .filter(|(index, _)| side >> (index % 16) & 1 == 1);
            let side: Vec<_> = sided.map(|(_, actor)| *actor).collect();
            net.partition(&side);
        }
        Act::Cut { from, to } => net.cut(&seat(from), &seat(to)),
        Act::Clog { from, to } => net.clog(&seat(from), &seat(to)),
        Act::Heal => net.heal(),
        Act::Crash { who } => net.crash(&seat(who)),
        Act::CrashWhileWriting { who, records, torn } => {
            net.crash_while_writing(&seat(who), usize::from(records), usize::from(torn));
        }
        Act::Restart { who } => net.restart(&seat(who)),
        Act::Join if actors.len() < MOST_ACTORS && somebody_is_up(net) => {
            net.join();
        }
        Act::Leave { who } if somebody_is_up(net) && may_shrink(net) => {
            let _ = net.leave(&seat(who));
        }
        Act::Renew { who } => {
            let _ = net.renew(&seat(who));
        }
        Act::Join | Act::Leave { .. } => {}
    }
}

#[cfg(feature = "quickcheck")]
mod arbitrary {
    use std::cell::Cell;

    use quickcheck::{Arbitrary, Gen};

    use super::{Act, Scenario, Vice};

    impl Arbitrary for Act {
        fn arbitrary(g: &mut Gen) -> Self {
            let (who, to) = (u8::arbitrary(g), u8::arbitrary(g));
            match u8::arbitrary(g) % 24 {
                0..=8 => Self::Propose {
                    who,
                    pick: u16::arbitrary(g),
                },
                9..=12 => Self::Run {
                    tenths: u8::arbitrary(g) % 40,
                },
                13 => Self::Partition {
                    side: u16::arbitrary(g),
                },
                14 => Self::Cut { from: who, to },
                15 => Self::Clog { from: who, to },
                16 => Self::Heal,
                17 => Self::Crash { who },
                18 => Self::CrashWhileWriting {
                    who,
                    records: u8::arbitrary(g) % 4,
                    torn: u8::arbitrary(g),
                },
                19..=20 => Self::Join,
                21 => Self::Leave { who },
                22 => Self::Renew { who },
                _ => Self::Restart { who },
            }
        }
    }

    impl Arbitrary for Vice {
        fn arbitrary(g: &mut Gen) -> Self {
            *g.choose(&Self::ALL).expect("not empty")
        }
    }

    /// The n-th scenario that a thread draws is the same in every run, so that a property that held holds again, and
    /// one that failed fails again. `SCENARIO_SEED`, a number, draws others.
    impl Arbitrary for Scenario {
        fn arbitrary(g: &mut Gen) -> Self {
            let seed = std::env::var("SCENARIO_SEED")
                .ok()
                .and_then(|seed| seed.parse().ok());
            let drawn = DRAWN.replace(DRAWN.get() + 1);
            let seed = seed
                .unwrap_or(0u64)
                .wrapping_mul(1 << 32)
                .wrapping_add(drawn);
            Self::draw(&mut Gen::from_size_and_seed(g.size(), seed))
        }

        fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
            self.smaller()
        }
    }

    thread_local! {
        static DRAWN: Cell<u64> = const { Cell::new(0) };
    }

    impl Scenario {
        fn draw(g: &mut Gen) -> Self {
            let liars = u8::arbitrary(g) % 3;
            let length = usize::from(u8::arbitrary(g) % 24);
            Self {
                seed: u64::arbitrary(g),
                members: *g.choose(&[1, 2, 3, 4, 4, 4, 4, 5, 7]).expect("not empty"),
                liars: (0..liars).map(|_| Vice::arbitrary(g)).collect(),
                hostile: bool::arbitrary(g),
                acts: (0..length).map(|_| Act::arbitrary(g)).collect(),
            }
        }

        fn smaller(&self) -> Box<dyn Iterator<Item = Self>> {
            let calmer = Self {
                hostile: false,
                ..self.clone()
            };
            let calmer = (self.hostile).then_some(calmer);
            let base = self.clone();
            let fewer_liars = chunks_removed(&self.liars).map({
                let base = base.clone();
                move |liars| Self {
                    liars,
                    ..base.clone()
                }
            });
            let fewer_acts = chunks_removed(&self.acts).map(move |acts| Self {
                acts,
                ..base.clone()
            });
            Box::new(calmer.into_iter().chain(fewer_liars).chain(fewer_acts))
        }
    }

    /// The list without each half, each quarter, ... down to without each element.
    fn chunks_removed<T: Clone + 'static>(all: &[T]) -> impl Iterator<Item = Vec<T>> + 'static {
        let all = all.to_vec();
        let sizes = std::iter::successors(Some(all.len().div_ceil(2)), |size| Some(size / 2));
        let sizes: Vec<_> = sizes.take_while(|size| *size > 0).collect();
        sizes.into_iter().flat_map(move |size| {
            let all = all.clone();
            (0..all.len()).step_by(size).map(move |from| {
                let until = (from + size).min(all.len());
                [&all[..from], &all[until..]].concat()
            })
        })
    }
}
