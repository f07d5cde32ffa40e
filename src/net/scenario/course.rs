//! Courses of events that directed scenarios are made of: some acts in a row, each drawn by chance.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::plan::Kind;
use super::{Act, Phase};

/// The other founders of four.
pub(super) fn others_than(who: u8) -> impl Iterator<Item = u8> {
    (0..4).filter(move |other| *other != who % 4)
}

/// Everybody is heard until the change is approved.
pub(super) fn renew(acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    acts.extend((0..3).map(|who| Act::Renew { who }));
    let tenths = random.random_range(0..6);
    acts.push(Act::Run { tenths });
}

/// The agreement begins.
///
/// Three of four are a quorum.
pub(super) const REPORTED: Act = Act::Await {
    phase: Phase::Reported,
    many: 3,
};

/// Any phase, by one to all of four.
pub(super) fn await_phase(random: &mut ChaCha8Rng) -> Act {
    let phase = Phase::ALL[random.random_range(0..Phase::ALL.len())];
    let many = random.random_range(1..=4);
    Act::Await { phase, many }
}

/// In about half of them the network is slow, so that the phases are far from each other.
pub(super) fn blackout(acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    renew(acts, random);
    if random.random() {
        let ticks = random.random_range(1..16);
        acts.push(Act::Slow { ticks });
    }
    acts.push(await_phase(random));
    darken(acts, random);
}

/// All crash, what is under way is lost or not, and all start again.
pub(super) fn darken(acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    let tenths = random.random_range(0..=250);
    acts.extend([Act::CrashAll, Act::Run { tenths }, Act::RestartAll]);
    Kind::Run.perform(0, acts, random);
    if random.random() {
        acts.push(Act::Heal);
    }
}

/// The first coordinator is not heard by one, and one of its two voters is not heard by the other
/// nor by it, until all have voted for nothing; then the votes arrive after all, and all crash.
pub(super) fn late_votes(acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    let mut others = vec![1, 2, 3];
    let mut draw = || others.swap_remove(random.random_range(0..others.len()));
    let (late, silent, voter) = (draw(), draw(), draw());
    let hush = |from, to| Act::Hush { from, to };
    acts.push(hush(0, late));
    acts.extend((0..4).map(|who| Act::Renew { who }));
    let (phase, many) = (Phase::Proposed, 1);
    acts.push(Act::Await { phase, many });
    acts.extend([hush(silent, 0), hush(silent, voter), hush(voter, silent)]);
    let tenths = random.random_range(70..110);
    acts.extend([Act::Run { tenths }, Act::Heal]);
    let (phase, many) = (Phase::Valid, random.random_range(3..=4));
    acts.push(Act::Await { phase, many });
    darken(acts, random);
}

/// What is said of the agreement alone is lost, in both directions.
pub(super) fn siege(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    let friend = random.random_range(0..3);
    let enemies = others_than(who).enumerate();
    let enemies = enemies.filter(|(index, _)| *index != friend);
    let both = |other| {
        let (from, to) = (who % 4, other);
        [Act::Hush { from, to }, Act::Hush { from: to, to: from }]
    };
    acts.extend(enemies.flat_map(|(_, other)| both(other)));
    renew(acts, random);
    acts.push(REPORTED);
    let many = random.random_range(32..=50);
    acts.extend([Act::Rounds { many }, Act::Heal]);
}

/// Packets take a little longer than anybody waits in so many rounds.
pub(super) fn sluggish(acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    renew(acts, random);
    acts.push(REPORTED);
    let many: u8 = [3, 3, 6, 6, 6, 12, 12, 52][random.random_range(0..8)];
    acts.push(Act::Lag {
        ticks: 2 * many + 6,
    });
    // Each of them lasts longer than a round is awaited.
    acts.extend([Act::Rounds { many }; 6]);
    acts.push(Act::Heal);
}

/// A member that approves nothing by itself is cut off, newcomers knock meanwhile, and at last all
/// ask for a renewal: more wishes than a seat may have for newcomers.
pub(super) fn petition(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    let (who, side) = (who % 4, 1 << (who % 4));
    acts.extend([Act::Reserved { who }, Act::Partition { side }]);
    for _ in 0..9 {
        let tenths = random.random_range(5..15);
        acts.extend([Act::Knock, Act::Run { tenths }]);
    }
    acts.extend((0..13).map(|who| Act::Renew { who }));
    acts.extend([Act::Run { tenths: 250 }, Act::Heal]);
}

/// Founders leave one after the other, each when somebody new has come; and who slept wakes up
/// among strangers.
pub(super) fn sleep(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    acts.push(Act::Crash { who: who % 4 });
    for other in others_than(who) {
        succeed(other, acts);
        let speaker = random.random();
        Kind::Propose.perform(speaker, acts, random);
    }
    Kind::Wait.perform(who, acts, random);
    acts.push(Act::RestartAll);
    Kind::RobSleepers.perform(who, acts, random);
}

/// Somebody new speaks in a generation that a founder sleeps through, and who wakes up has much to
/// catch up with and falls asleep again.
pub(super) fn doze(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    let who = who % 4;
    let speak = |speaker: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng| {
        for _ in 0..random.random_range(2..6) {
            Kind::Propose.perform(speaker, acts, random);
        }
    };
    acts.extend([Act::Crash { who }, Act::Join, Act::Run { tenths: 60 }]);
    (0..5).for_each(|speaker| speak(speaker, acts, random));
    acts.push(Act::Run { tenths: 60 });
    renew(acts, random);
    acts.extend([Act::Run { tenths: 60 }, Act::Restart { who }]);
    let tenths = random.random_range(1..8);
    acts.extend([
        Act::Run { tenths },
        Act::Crash { who },
        Act::Restart { who },
    ]);
}

/// One member, which is heard by nobody, leaves a round in which the others remain, and all crash.
pub(super) fn straggle(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    // The first coordinator would get its value through.
    let who = 1 + who % 3;
    let all = |hush: fn(u8, u8) -> Act| others_than(who).map(move |other| hush(who, other));
    acts.extend(all(|who, from| Act::Hush { from, to: who }));
    renew(acts, random);
    let (phase, many) = (Phase::Precommitted, 2);
    acts.extend([Act::Await { phase, many }, Act::Heal]);
    acts.extend(all(|who, to| Act::Hush { from: who, to }));
    let (phase, many) = (Phase::Prevoted, 1);
    acts.push(Act::Await { phase, many });
    darken(acts, random);
}

/// Somebody new enters, a founder leaves, and there is time for both.
pub(super) fn succeed(who: u8, acts: &mut Vec<Act>) {
    let run = Act::Run { tenths: 60 };
    acts.extend([Act::Join, run, Act::Retire { who }, run]);
}

/// Nobody of the first generation is left when somebody is invited.
pub(super) fn inherit(acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    acts.extend([Act::Join, Act::Run { tenths: 60 }]);
    (0..4).for_each(|who| succeed(who, acts));
    Kind::Invite.perform(0, acts, random);
    Kind::Wait.perform(0, acts, random);
}

/// From the approval on.
pub(super) fn slowed(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    renew(acts, random);
    let from = who % 4;
    acts.extend(others_than(who).map(|to| Act::Clog { from, to }));
}

/// One passes all on to a second, which passes it on to a third, while a fourth does not hear of
/// the first.
pub(super) fn relay(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    let seat = |more: u8| who.wrapping_add(more) % 4;
    let pass = |from, to| Act::Propose {
        who: seat(from),
        pick: 16 * u16::from(seat(to)),
    };
    let (from, to) = (seat(0), seat(3));
    acts.extend([Act::Cut { from, to }, pass(0, 1)]);
    let tenths = random.random_range(5..12);
    acts.extend([Act::Run { tenths }, pass(1, 2)]);
    Kind::Wait.perform(who, acts, random);
    acts.push(Act::Heal);
}

/// The first of the two may be under way still when the second begins.
pub(super) fn unheard(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    for tenths in [4, 12] {
        renew(acts, random);
        Kind::Gag.perform(who, acts, random);
        let tenths = random.random_range(2..tenths);
        acts.push(Act::Run { tenths });
    }
}

/// Whether the others crash is left to chance.
pub(super) fn lone_decision(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    gag(who, acts, random);
    if random.random() {
        crash_others(who, acts);
    }
    outlast(acts);
}

/// There is something to report, and the others crash.
pub(super) fn forgotten_lock(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    (0..4).for_each(|speaker| Kind::Propose.perform(speaker, acts, random));
    acts.push(Act::Run { tenths: 30 });
    gag(who, acts, random);
    crash_others(who, acts);
    outlast(acts);
}

/// A member is not heard from the moment at which a change is approved.
fn gag(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    renew(acts, random);
    Kind::Gag.perform(who, acts, random);
    let tenths = random.random_range(1..40);
    acts.push(Act::Run { tenths });
}

/// Each comes back at once, with what its store holds.
fn crash_others(who: u8, acts: &mut Vec<Act>) {
    let again = |who| [Act::Crash { who }, Act::Restart { who }];
    acts.extend(others_than(who).flat_map(again));
}

/// Some rounds pass.
fn outlast(acts: &mut Vec<Act>) {
    acts.extend([Act::Run { tenths: 250 }; 4]);
    acts.push(Act::Heal);
}

/// Two who follow are level, some messages are under way on links of which one is bad, and then all
/// leave.
pub(super) fn hand_over(acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    acts.extend([Act::SwitchOff, Act::Follow, Act::Follow]);
    acts.push(Act::Run { tenths: 60 });
    for _ in 0..random.random_range(1..4) {
        let who = random.random();
        Kind::Propose.perform(who, acts, random);
    }
    let who = random.random();
    if random.random() {
        Kind::Cut.perform(who, acts, random);
    } else {
        Kind::Clog.perform(who, acts, random);
    }
    Kind::Blink.perform(who, acts, random);
    acts.push(Act::HandOver);
    let tenths = random.random_range(20..=200);
    acts.extend([Act::Run { tenths }, Act::Heal]);
}

/// The copy is older than what it has said since.
pub(super) fn lapse(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    acts.push(Act::Backup { who });
    for _ in 0..random.random_range(1..3) {
        Kind::Propose.perform(who, acts, random);
        Kind::Blink.perform(who, acts, random);
    }
    acts.push(Act::Restore { who });
    Kind::Propose.perform(who, acts, random);
    Kind::Run.perform(who, acts, random);
}

/// It is heard by one other while it wishes for what counts, and then by nobody wishes for more.
pub(super) fn recant(who: u8, acts: &mut Vec<Act>, random: &mut ChaCha8Rng) {
    let who = who % 4;
    acts.extend(others_than(who).map(|who| Act::Reserved { who }));
    let friend = random.random_range(0..3);
    let strangers = others_than(who).enumerate();
    let strangers = strangers.filter(|(index, _)| *index != friend);
    acts.extend(strangers.map(|(_, to)| Act::Cut { from: who, to }));
    for _ in 0..9 {
        let tenths = random.random_range(5..15);
        acts.extend([Act::Knock, Act::Run { tenths }]);
    }
    acts.push(Act::Insist { who });
    acts.extend((0..16).map(|who| Act::Reserved { who }));
    acts.extend([Act::Run { tenths: 250 }, Act::Heal]);
    acts.extend(others_than(who).map(|who| Act::Insist { who }));
    acts.push(Act::Run { tenths: 100 });
}
