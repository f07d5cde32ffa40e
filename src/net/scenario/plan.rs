//! Directed scenarios: drawn like others, but of few kinds of acts, with liars that fit, where one
//! kind of mistake lives.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::course::*;
use super::{Act, Scenario, Shape};
use crate::net::{Faults, Vice};

/// What the scenarios of a family have in common.
///
/// A plan is data: its scenarios are functions of their numbers, and differ from plan to plan for
/// one number.
#[derive(Debug)]
pub(super) struct Plan {
    /// The numbers of members, drawn evenly.
    pub(super) members: &'static [u8],
    /// The vices of a liar, drawn evenly.
    pub(super) liars: &'static [&'static [Vice]],
    /// How many liars.
    pub(super) least_liars: u8,
    /// Drawn evenly between the two; beyond what the members tolerate they are left out.
    pub(super) most_liars: u8,
    /// Of eight networks so many lose, repeat and corrupt.
    pub(super) hostile: u8,
    /// Two operations by everybody come first, so that liars have something to lie about.
    pub(super) opening: bool,
    /// How many kinds are drawn after that, at most.
    pub(super) most: u8,
    /// Of eight of them so many are done to the member that the last one was done to.
    pub(super) focus: u8,
    /// Kinds of what is done, with their weights.
    pub(super) kinds: &'static [(u8, Kind)],
}

/// A kind of act, or of some acts in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any operation, whatever a subject makes of it.
    Propose,
    /// Less time than it takes a proposal to be delivered.
    Blink,
    /// Less than two ticks.
    Wait,
    /// Some ticks.
    Run,
    /// Any side, also one that leaves nobody out.
    Partition,
    /// From this member to any.
    Cut,
    /// As a cut, but slow.
    Clog,
    /// A member hears the others, and none of them hears it.
    Gag,
    /// A member is cut off from all others.
    Isolate,
    /// Of links and of faults by chance.
    Heal,
    Crash,
    /// In half of them before the first record is whole.
    CrashWhileWriting,
    /// Of the member itself, if it is down.
    Restart,
    Join,
    Leave,
    Renew,
    /// Somebody enters, a member leaves, and there is time for both.
    Replace,
    /// Nothing, unless a quorum of an old generation has left or lies.
    MisuseRetiredKeys,
    /// A generation ends while a member is heard late.
    Slowed,
    /// What is proposed rests on what somebody does not have yet.
    Relay,
    /// Two generations begin while a member is not heard.
    Unheard,
    /// Any phase, by one to four members.
    Await,
    /// Of the correct members.
    CrashAll,
    /// Of whoever is down.
    RestartAll,
    /// By less than 16 ticks.
    Slow,
    /// All know a quorum of prevotes for what nobody precommitted to, and crash.
    LateVotes,
    /// Nothing, unless a correct member is behind.
    RobSleepers,
    /// Somebody new with a checkpoint, to whom old keys lie first.
    Invite,
    /// All crash at some moment of a change on a slow network, what is under way is lost, and all
    /// start again.
    Blackout,
    /// A generation ends while a member hears one other alone, for so many rounds that all is
    /// forgotten that can be.
    Siege,
    /// A generation ends on a network that is slow for some rounds.
    Sluggish,
    /// More changes are wished for than anybody remembers, none of them by enough, and at last one
    /// by all.
    Petition,
    /// Two generations, with time for both.
    Successors,
    /// A founder is down while others leave, and is lied to when it comes back.
    Sleep,
    /// Who starts again asks what its key has signed.
    Doubt,
    /// A founder is down while somebody new speaks, and again while it catches up.
    Doze,
    /// Who left a round crashes with those who are in it still.
    Straggle,
    /// All founders leave, and somebody is invited.
    Inherit,
    /// Only a member that is not heard can decide in the first round; there is time for some more
    /// rounds, in which the others may crash.
    LoneDecision,
    /// All members leave at once while messages are under way, to others who enter, and are
    /// switched off as soon as they may be.
    HandOver,
    /// A member starts again from an old copy of its store, and goes on speaking.
    Lapse,
    /// One member alone wishes for as many newcomers as it may, and then for what all others come
    /// to wish for too.
    Recant,
    /// Only a member that is not heard can decide in the first round, and the others crash.
    ForgottenLock,
}

impl Kind {
    /// For shapes without faults.
    fn harms_links(self) -> bool {
        matches!(
            self,
            Self::Partition
                | Self::Cut
                | Self::Clog
                | Self::Gag
                | Self::Isolate
                | Self::Slowed
                | Self::Relay
                | Self::Unheard
                | Self::LoneDecision
                | Self::Slow
                | Self::LateVotes
                | Self::Blackout
                | Self::Siege
                | Self::Sluggish
                | Self::Petition
                | Self::HandOver
                | Self::Recant
                | Self::ForgottenLock
                | Self::Straggle
        )
    }

    /// For shapes without crashes.
    fn crashes(self) -> bool {
        matches!(
            self,
            Self::Crash
                | Self::CrashWhileWriting
                | Self::LoneDecision
                | Self::CrashAll
                | Self::LateVotes
                | Self::Blackout
                | Self::Sleep
                | Self::Lapse
                | Self::ForgottenLock
                | Self::Doze
                | Self::Straggle
        )
    }

    /// For shapes with a fixed committee.
    fn changes(self) -> bool {
        matches!(
            self,
            Self::Join
                | Self::Leave
                | Self::Renew
                | Self::Replace
                | Self::MisuseRetiredKeys
                | Self::Slowed
                | Self::Unheard
                | Self::LoneDecision
                | Self::RobSleepers
                | Self::Invite
                | Self::LateVotes
                | Self::Blackout
                | Self::Siege
                | Self::Sluggish
                | Self::Petition
                | Self::Successors
                | Self::Sleep
                | Self::Inherit
                | Self::HandOver
                | Self::Recant
                | Self::ForgottenLock
                | Self::Doze
                | Self::Straggle
        )
    }

    /// Appends the acts of this kind, done to `who` where it is done to somebody. What chance
    /// decides is drawn here, so that the scenario itself is without chance.
    pub(super) fn perform(self, who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
        let run = |tenths| Act::Run { tenths };
        match self {
            Self::Slowed => slowed(who, acts, random),
            Self::Relay => relay(who, acts, random),
            Self::Unheard => unheard(who, acts, random),
            Self::LoneDecision => lone_decision(who, acts, random),
            Self::LateVotes => late_votes(acts, random),
            Self::Blackout => blackout(acts, random),
            Self::Siege => siege(who, acts, random),
            Self::Sluggish => sluggish(acts, random),
            Self::Sleep => sleep(who, acts, random),
            Self::Doze => doze(who, acts, random),
            Self::Straggle => straggle(who, acts, random),
            Self::Inherit => inherit(acts, random),
            Self::Petition => petition(who, acts, random),
            Self::HandOver => hand_over(acts, random),
            Self::Lapse => lapse(who, acts, random),
            Self::Recant => recant(who, acts, random),
            Self::ForgottenLock => forgotten_lock(who, acts, random),
            Self::Gag => acts.extend(others_than(who).map(|to| Act::Cut { from: who % 4, to })),
            Self::Replace => acts.extend([Act::Join, run(60), Act::Leave { who }, run(60)]),
            Self::Successors => {
                for _ in 0..2 {
                    renew(acts, random);
                    acts.push(run(60));
                }
            }
            single => acts.push(single.act(who, random)),
        }
    }

    /// The act of a kind that is a single one.
    ///
    /// Panics for kinds that are several acts in a row.
    fn act(self, who: u8, random: &mut ChaCha8Rng) -> Act {
        let run = |tenths| Act::Run { tenths };
        match self {
            Self::Propose => Act::Propose {
                who,
                pick: random.random(),
            },
            Self::Blink => run(random.random_range(0..6)),
            Self::Wait => run(random.random_range(0..20)),
            Self::Run => run(random.random_range(0..40)),
            Self::Partition => Act::Partition {
                side: random.random(),
            },
            Self::Isolate => Act::Partition {
                side: 1 << (who % 4),
            },
            Self::Cut => Act::Cut {
                from: who,
                to: random.random(),
            },
            Self::Clog => Act::Clog {
                from: who,
                to: random.random(),
            },
            Self::Heal => Act::Heal,
            Self::Crash => Act::Crash { who },
            Self::CrashWhileWriting => Act::CrashWhileWriting {
                who,
                records: random.random_range(0u8..6).saturating_sub(2),
                torn: random.random(),
            },
            Self::Restart => Act::Restart { who },
            Self::Join => Act::Join,
            Self::Leave => Act::Leave { who },
            Self::Renew => Act::Renew { who },
            Self::MisuseRetiredKeys => Act::MisuseRetiredKeys {
                pick: random.random(),
            },
            Self::RobSleepers => Act::RobSleepers {
                pick: random.random(),
            },
            Self::Invite => Act::Invite {
                pick: random.random(),
            },
            Self::Await => await_phase(random),
            Self::CrashAll => Act::CrashAll,
            Self::RestartAll => Act::RestartAll,
            Self::Slow => Act::Slow {
                ticks: random.random_range(1..16),
            },
            Self::Doubt => Act::Doubt,
            several => unreachable!("{several:?} is a course of acts"),
        }
    }
}

impl Plan {
    /// Whether scenarios of this plan have nothing that the shape leaves out.
    ///
    /// Of the numbers of members all have to be among the shape's.
    pub(super) fn fits(&self, shape: &Shape) -> bool {
        let any = |is: fn(Kind) -> bool| self.kinds.iter().any(|(_, kind)| is(*kind));
        self.members.iter().all(|many| shape.members.contains(many))
            && (shape.liars || self.most_liars == 0)
            && (shape.faults || (self.hostile == 0 && !any(Kind::harms_links)))
            && (shape.crashes || !any(Kind::crashes))
            && (shape.changes || !any(Kind::changes))
    }

    /// The scenario with this number.
    ///
    /// Faults last until the network heals; a course of acts may heal it long before the end.
    pub(super) fn draw(&self, number: u64) -> Scenario {
        let random = &mut ChaCha8Rng::seed_from_u64(number);
        let members = choose(self.members, random).unwrap_or(4);
        let liars = random.random_range(self.least_liars..=self.most_liars);
        let liars = (0..liars).filter_map(|_| choose(self.liars, random));
        let liars = liars.map(<[Vice]>::to_vec).collect();
        let faults = match random.random_range(0..8) < self.hostile {
            true => Faults::hostile(),
            false => Faults::default(),
        };
        Scenario {
            seed: random.random(),
            members,
            liars,
            faults,
            acts: self.acts(members, random),
            ..Scenario::default()
        }
    }

    /// First what each has to say, if the plan opens so; then kinds by their weights, often at the
    /// member that the last one was done to.
    fn acts(&self, members: u8, random: &mut ChaCha8Rng) -> Vec<Act> {
        let mut acts = Vec::new();
        if self.opening {
            for who in (0..members).flat_map(|who| [who, who]) {
                Kind::Propose.perform(who, &mut acts, random);
            }
        }
        let mut who = random.random();
        for _ in 0..random.random_range(0..=self.most) {
            if random.random_range(0..8) >= self.focus {
                who = random.random();
            }
            self.kind(random).perform(who, &mut acts, random);
        }
        acts
    }

    /// Drawn by weight.
    fn kind(&self, random: &mut ChaCha8Rng) -> Kind {
        let all = self.kinds.iter().map(|(weight, _)| weight).sum();
        let mut left = random.random_range(0..all);
        for (weight, kind) in self.kinds {
            if left < *weight {
                return *kind;
            }
            left -= weight;
        }
        Kind::Heal
    }
}

/// `None` of none.
fn choose<T: Copy>(all: &[T], random: &mut ChaCha8Rng) -> Option<T> {
    (!all.is_empty()).then(|| all[random.random_range(0..all.len())])
}
