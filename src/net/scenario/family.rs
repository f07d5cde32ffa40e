//! The families of directed scenarios, as data.

use std::fmt;

use super::Scenario;
use super::plan::{Kind::*, Plan};
use crate::net::Vice;

/// One list from which the enum, the names and the plans come, so that none can be forgotten.
macro_rules! families {
    ($($(#[$doc:meta])* $family:ident, $name:literal, $plan:expr;)+) => {
        /// A family of scenarios that look where one kind of mistake lives.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Family {
            $($(#[$doc])* $family,)+
        }

        impl Family {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$family),+];

            /// Its name, unique among [`Family::ALL`].
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$family => $name,)+
                }
            }

            /// Known when the program is built: to draw a scenario costs no look-up.
            pub(super) const fn plan(self) -> &'static Plan {
                match self {
                    $(Self::$family => const { &$plan },)+
                }
            }
        }
    };
}

impl Family {
    /// The scenario of this family with this number: the same on every machine.
    #[must_use]
    pub fn draw(self, number: u64) -> Scenario {
        self.plan().draw(number)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Nobody lies and nothing is lost.
const QUIET: Plan = Plan {
    members: &[1, 2, 3, 4, 4, 4, 4, 5, 7],
    liars: &[],
    least_liars: 0,
    most_liars: 0,
    hostile: 0,
    opening: false,
    most: 16,
    focus: 2,
    kinds: &[(6, Propose), (4, Wait), (1, Join), (1, Leave), (1, Renew)],
};

/// Four members or five, with one liar, all of whom have two things to say.
const LIARS: Plan = Plan {
    members: &[4, 4, 4, 5],
    least_liars: 1,
    most_liars: 1,
    hostile: 2,
    opening: true,
    most: 12,
    kinds: &[
        (4, Propose),
        (4, Blink),
        (2, Wait),
        (1, Partition),
        (1, Clog),
        (1, Heal),
        (1, Crash),
        (1, Restart),
        (2, Renew),
    ],
    ..QUIET
};

/// Generations follow each other while messages are under way.
const SUCCESSIONS: Plan = Plan {
    hostile: 1,
    most: 24,
    kinds: &[
        (2, Propose),
        (6, Blink),
        (2, Clog),
        (2, Cut),
        (1, Crash),
        (1, Restart),
        (6, Renew),
        (2, Join),
    ],
    ..LIARS
};

/// Generations follow each other, and their agreements are disturbed.
const VOTES: Plan = Plan {
    hostile: 4,
    most: 24,
    kinds: &[
        (2, Propose),
        (2, Blink),
        (4, Wait),
        (2, Clog),
        (2, Cut),
        (1, Partition),
        (1, Heal),
        (2, Crash),
        (3, Restart),
        (5, Renew),
    ],
    ..LIARS
};

families! {
    /// Nobody lies and nothing is lost.
    Calm, "calm", QUIET;
    /// One member has more to say than can be said.
    Backlog, "backlog", Plan {
        members: &[4], most: 100, focus: 7, kinds: &[(16, Propose), (1, Partition)], ..QUIET
    };
    /// What is proposed rests on what came a moment ago, over links of which some are slow.
    Relays, "relays", Plan {
        members: &[4], most: 16, focus: 0, kinds: &[(4, Propose), (2, Blink), (1, Cut), (1, Clog), (1, Heal), (8, Relay)], ..QUIET
    };
    /// Members crash in the middle of everything, and come back soon.
    Crashes, "crashes", Plan {
        members: &[1, 2, 4, 4, 4, 5],
        liars: &[&[Vice::Equivocator], &[Vice::Twins], &[Vice::DoubleVoter]],
        most_liars: 1,
        hostile: 2,
        opening: true,
        most: 24,
        focus: 5,
        kinds: &[
            (4, Propose), (6, Blink), (3, Wait), (2, Crash), (3, CrashWhileWriting), (4, Restart), (1, Partition),
            (1, Heal), (2, Renew), (1, Join),
        ],
        ..QUIET
    };
    /// One member loses power whenever it writes.
    PowerCuts, "power-cuts", Plan {
        members: &[1, 2, 4], opening: true, most: 24, focus: 7,
        kinds: &[(5, Propose), (2, Blink), (5, CrashWhileWriting), (5, Restart)],
        ..QUIET
    };
    /// Somebody never answers.
    Silence, "silence", Plan { members: &[4], liars: &[&[Vice::Mute]], hostile: 0, ..LIARS };
    /// Sources that show two messages at one dot.
    Thieves, "thieves", Plan {
        members: &[4, 4, 4, 5, 7], liars: &[&[Vice::Equivocator], &[Vice::Twins]], most_liars: 2, ..LIARS
    };
    /// Members crash after they have seen somebody lie.
    Amnesia, "amnesia", Plan {
        members: &[4], liars: &[&[Vice::Equivocator], &[Vice::Twins]], focus: 6,
        kinds: &[(3, Wait), (2, Crash), (1, Restart)],
        ..LIARS
    };
    /// Somebody makes evidence of what others said.
    Accusers, "accusers", Plan {
        liars: &[&[Vice::FalseAccuser], &[Vice::FalseAccuser, Vice::Forger]], ..LIARS
    };
    /// Somebody makes quorums of its own.
    Certifiers, "certifiers", Plan { liars: &[&[Vice::FalseCertifier]], ..LIARS };
    /// Somebody speaks in the names of others.
    Impostors, "impostors", Plan {
        liars: &[&[Vice::Impostor], &[Vice::Impostor], &[Vice::Forger]],
        kinds: &[(4, Propose), (2, Blink), (4, Wait), (3, Isolate), (1, Heal), (1, Crash), (1, Restart), (2, Renew)],
        ..LIARS
    };
    /// Somebody proposes what it may not.
    Authors, "authors", Plan { liars: &[&[Vice::EarlyAuthor]], ..LIARS };
    /// Somebody brings another message than was certified.
    Substitutes, "substitutes", Plan { liars: &[&[Vice::Substituter]], ..LIARS };
    /// Members are long away, newcomers come, and whom they ask lies.
    Absences, "absences", Plan {
        members: &[4, 4, 5, 7],
        liars: &[&[Vice::FalseServer], &[Vice::FalseSnapshot], &[Vice::Equivocator]],
        most_liars: 2,
        hostile: 1,
        opening: false,
        most: 24,
        kinds: &[
            (6, Propose), (4, Run), (2, Partition), (2, Heal), (1, Crash), (1, Restart), (2, Join), (2, Renew),
        ],
        ..LIARS
    };
    /// Newcomers are shown a false state.
    Fetches, "fetches", Plan {
        members: &[4, 5], liars: &[&[Vice::FalseSnapshot]], hostile: 0, most: 24,
        kinds: &[(4, Propose), (4, Run), (4, Join), (2, Renew)],
        ..LIARS
    };
    /// Generations end while two messages at one dot are under way.
    Seals, "seals", Plan {
        members: &[4, 4, 5, 6],
        liars: &[&[Vice::Equivocator], &[Vice::FalseAccuser, Vice::FalseCertifier]],
        kinds: &[
            (2, Propose), (6, Blink), (2, Clog), (2, Cut), (1, Crash), (1, Restart), (4, Renew), (4, Slowed), (2, Join),
        ],
        ..SUCCESSIONS
    };
    /// Generations end while somebody waits with a second message, and who knows of the first is
    /// not heard.
    Patience, "patience", Plan {
        members: &[4], liars: &[&[Vice::Procrastinator]], hostile: 0, focus: 4,
        kinds: &[(4, Blink), (2, Wait), (1, Gag), (1, Isolate), (1, Heal), (1, Crash), (1, Restart), (2, Renew), (4, Unheard), (1, Join)],
        ..SUCCESSIONS
    };
    /// Generations follow each other while liars report, vote and coordinate.
    Votes, "votes", Plan {
        members: &[4, 4, 5, 7],
        liars: &[
            &[Vice::DoubleVoter], &[Vice::FalseCoordinator], &[Vice::FalseCoordinator], &[Vice::FalseReporter],
            &[Vice::Twins],
        ],
        most_liars: 2,
        ..VOTES
    };
    /// Coordinators propose what is wrong.
    Coordinators, "coordinators", Plan {
        members: &[4], liars: &[&[Vice::FalseCoordinator]], hostile: 0,
        kinds: &[(4, Propose), (2, Blink), (4, Run), (6, Renew)],
        ..VOTES
    };
    /// One member decides alone, and the next coordinator proposes something else.
    Turncoats, "turncoats", Plan {
        members: &[4], liars: &[&[Vice::Turncoat]], hostile: 0, most: 4,
        kinds: &[(1, Propose), (4, LoneDecision), (1, Blink)],
        ..VOTES
    };
    /// Founders leave one after the other, and their keys fall into the wrong hands.
    Heirs, "heirs", Plan {
        members: &[4], liars: &[&[Vice::Replayer], &[Vice::Mute]], least_liars: 0, hostile: 0, most: 12, focus: 0,
        kinds: &[(2, Propose), (6, Replace), (3, MisuseRetiredKeys)],
        ..LIARS
    };
    /// A generation ends on a network that is slow.
    Sluggish, "sluggish", Plan {
        members: &[2, 3, 4, 4], liars: &[&[Vice::Mute], &[Vice::DoubleVoter]], least_liars: 0, hostile: 0, most: 2,
        kinds: &[(1, Propose), (3, Sluggish)],
        ..VOTES
    };
    /// Generations follow each other, and begin with what liars reported, who agree on what they
    /// lie: what nobody can deliver, or more than fits.
    Marks, "marks", Plan {
        members: &[4, 4, 5, 7, 7],
        liars: &[&[Vice::FalseMarker], &[Vice::FalseMarker, Vice::FickleServer]],
        most_liars: 2,
        hostile: 1,
        kinds: &[
            (2, Propose), (4, Blink), (1, Wait), (1, Clog), (1, Crash), (1, Restart), (2, Renew), (4, Successors), (1, Join),
        ],
        ..SUCCESSIONS
    };
    /// Rounds fail one after the other, while somebody proposes what is worth nothing.
    Floods, "floods", Plan {
        members: &[4], liars: &[&[Vice::Flooder]], hostile: 0, most: 3,
        kinds: &[(1, Propose), (4, Siege), (1, Successors)],
        ..VOTES
    };
    /// All crash at once in the middle of a change.
    Blackouts, "blackouts", Plan {
        members: &[4, 4, 4, 5, 7], liars: &[&[Vice::Mute], &[Vice::FickleServer]], least_liars: 0, hostile: 0, most: 6,
        kinds: &[(1, Propose), (1, Blink), (3, Blackout), (3, LateVotes), (1, Await), (1, CrashAll), (1, RestartAll), (1, Slow)],
        ..VOTES
    };
    /// Somebody repeats all that was ever said, while more changes are wished for than are
    /// remembered.
    Archives, "archives", Plan {
        members: &[4], liars: &[&[Vice::Archivist], &[Vice::Archivist, Vice::Replayer]], hostile: 0, most: 4, focus: 8,
        kinds: &[(2, Propose), (1, Blink), (3, Petition), (1, Successors), (1, Restart)],
        ..SUCCESSIONS
    };
    /// Founders leave, and their keys await those who are invited.
    Invitations, "invitations", Plan {
        members: &[1, 1, 2, 4], liars: &[], least_liars: 0, most_liars: 0, hostile: 0, most: 4, focus: 0,
        kinds: &[(2, Propose), (1, Replace), (1, Invite), (3, Inherit)],
        ..LIARS
    };
    /// Somebody pushes what nobody asked for, with forged parts.
    Poisons, "poisons", Plan {
        members: &[4, 4, 4, 5, 7],
        liars: &[&[Vice::Poisoner], &[Vice::Poisoner], &[Vice::Poisoner, Vice::FickleServer]],
        most_liars: 2,
        ..LIARS
    };
    /// Somebody proposes again and again what is not valid.
    Nags, "nags", Plan { liars: &[&[Vice::Nag], &[Vice::Nag, Vice::Archivist]], ..LIARS };
    /// Founders leave while a member sleeps, which is shown what their keys certify when it wakes
    /// up.
    Sleepers, "sleepers", Plan {
        members: &[4], liars: &[], least_liars: 0, most_liars: 0, hostile: 0, most: 2, focus: 0,
        kinds: &[(1, Propose), (1, Replace), (1, RobSleepers), (3, Sleep)],
        ..LIARS
    };
    /// Larger committees, with as many liars as they tolerate.
    Crowds, "crowds", Plan {
        members: &[7, 10, 16],
        liars: &[
            &[Vice::Poisoner], &[Vice::FalseMarker], &[Vice::Flooder], &[Vice::FickleServer, Vice::Equivocator],
            &[Vice::Archivist], &[Vice::Nag], &[Vice::DoubleVoter], &[Vice::FalseCoordinator],
        ],
        most_liars: 5,
        hostile: 1,
        most: 8,
        kinds: &[(3, Propose), (3, Blink), (2, Wait), (1, Crash), (1, Restart), (2, Successors), (1, Blackout)],
        ..LIARS
    };
    /// All members hand over to others, and are switched off.
    HandOvers, "hand-overs", Plan {
        members: &[1, 2, 2, 3], hostile: 3, most: 4, focus: 0,
        kinds: &[(2, Propose), (1, Blink), (3, HandOver)],
        ..QUIET
    };
    /// Members start again from old copies of their stores.
    Lapses, "lapses", Plan {
        members: &[4, 4, 5], liars: &[], least_liars: 0, most_liars: 0, hostile: 2, most: 12, focus: 4,
        kinds: &[(3, Propose), (4, Blink), (2, Wait), (1, Cut), (1, Heal), (3, Lapse), (2, Renew), (1, Isolate)],
        ..LIARS
    };
    /// Somebody says of an old dot something new, in the name of another generation.
    Backdaters, "backdaters", Plan {
        liars: &[&[Vice::Backdater]],
        kinds: &[(4, Propose), (4, Blink), (4, Wait), (1, Crash), (1, Restart), (2, Successors)],
        ..LIARS
    };
    /// Somebody signs something else at one dot in each generation.
    Revisers, "revisers", Plan {
        liars: &[&[Vice::Reviser]],
        kinds: &[(4, Propose), (6, Blink), (2, Wait), (2, Cut), (1, Heal), (1, Crash), (1, Restart), (6, Renew)],
        most: 24,
        ..LIARS
    };
    /// Somebody brings back old wishes, while one member alone has more of them than it may have.
    Revivals, "revivals", Plan {
        members: &[4], liars: &[&[Vice::Revivalist]], hostile: 0, most: 2, focus: 0,
        kinds: &[(1, Propose), (3, Recant)],
        ..LIARS
    };
    /// One member decides alone, the others crash with what they are locked on, and the next
    /// coordinator proposes something else.
    Locks, "locks", Plan {
        members: &[4], liars: &[&[Vice::Turncoat]], hostile: 0, most: 3,
        kinds: &[(1, Blink), (4, ForgottenLock)],
        ..VOTES
    };
    /// Somebody new speaks while a member is down, which crashes again while it catches up.
    Dozers, "dozers", Plan {
        members: &[4], liars: &[], least_liars: 0, most_liars: 0, hostile: 1, most: 2, focus: 0,
        kinds: &[(1, Blink), (3, Doze)],
        ..LIARS
    };
    /// A member leaves a round of the agreement before all others and crashes with them, while a
    /// liar says nothing.
    Stragglers, "stragglers", Plan {
        members: &[4], liars: &[&[Vice::Mute]], hostile: 0, most: 2, focus: 0,
        kinds: &[(1, Blink), (3, Straggle)],
        ..VOTES
    };
    /// Members crash in the middle of everything, and ask when they come back what their keys have
    /// signed.
    Doubters, "doubters", Plan {
        members: &[1, 2, 4, 4, 4, 5, 7],
        liars: &[
            &[Vice::Equivocator], &[Vice::Twins], &[Vice::Replayer], &[Vice::Mute], &[Vice::DoubleVoter], &[Vice::Archivist],
        ],
        least_liars: 0,
        most_liars: 1,
        kinds: &[
            (6, Propose), (6, Blink), (2, Wait), (3, Doubt), (2, Crash), (2, CrashWhileWriting), (4, Restart), (1, CrashAll),
            (1, RestartAll), (2, Renew), (1, Join), (1, Blackout), (1, Cut), (1, Heal),
        ],
        ..LIARS
    };
}
