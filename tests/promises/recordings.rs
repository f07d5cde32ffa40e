//! A recording says what happened: read back, it has the digest of its run; what it does not
//! understand it refuses.

use bft_crdts::SecureBroadcastAlgorithm;
use bft_crdts::net::{Equivocator, Faults, Net, Scenario};
use bft_crdts::orswot::Orswot;
use bft_crdts::recording::{self, Hashed, Kind, MergeError, Recording, RecordingError};
use quickcheck_macros::quickcheck;

use crate::convergence::pick;

type Set = Orswot<u8>;

fn hostile() -> Net<Set> {
    let mut net = Net::<Set>::builder(7)
        .members(4)
        .byzantine(Equivocator::default())
        .faults(Faults::hostile())
        .recording("the test of recordings")
        .build();
    let liar = net.liars()[0];
    for (op, who) in net
        .honest_actors()
        .into_iter()
        .chain([liar, liar])
        .enumerate()
    {
        net.add(&who, op as u8)
            .expect("an addition is always valid");
    }
    net.settle();
    net
}

fn recorded(net: &Net<Set>) -> Recording {
    net.recording().expect("it was asked for")
}

#[test]
fn a_recording_read_back_has_the_digest_of_its_run() {
    let net = hostile();
    let recording = recorded(&net);
    let again = Recording::read(&recording.lines()).expect("written here");
    assert_eq!(again, recording);
    assert_eq!(again.digest(), net.trace().digest());
}

#[quickcheck]
fn every_scenario_is_recorded_whole(scenario: Scenario) -> bool {
    let net: Net<Set> = scenario.play(|builder| builder.recording(""), pick);
    let again = Recording::read(&recorded(&net).lines()).expect("written here");
    again.digest() == net.trace().digest()
}

#[test]
fn recording_a_run_does_not_change_it() {
    let scenario = Scenario::draw(3, &bft_crdts::net::Shape::default());
    let plain: Net<Set> = scenario.play(|builder| builder, pick);
    let recorded: Net<Set> = scenario.play(|builder| builder.recording(""), pick);
    assert!(plain.recording().is_none());
    assert_eq!(plain.trace().digest(), recorded.trace().digest());
}

#[test]
fn an_arrival_comes_after_the_packet_left_and_what_takes_effect_after_its_certificate() {
    let recording = recorded(&hostile());
    let events = recording.events();
    let sent = |id: &u64| events[usize::try_from(*id).expect("small")].kind == Kind::Send;
    let arrivals = events.iter().filter(|event| event.kind == Kind::Deliver);
    assert!(arrivals.clone().count() > 20);
    for arrival in arrivals {
        assert!(arrival.parents.iter().any(sent), "{arrival:?}");
    }
    for kind in [
        Kind::Propose,
        Kind::Lose,
        Kind::Repeat,
        Kind::Sign,
        Kind::Certify,
        Kind::Fault,
    ] {
        assert!(events.iter().any(|event| event.kind == kind), "{kind:?}");
    }
    for applied in events.iter().filter(|event| event.kind == Kind::Apply) {
        let before = &events[..usize::try_from(applied.id).expect("small")];
        let certified = before.iter().any(|event| {
            (event.kind, event.who, event.dot) == (Kind::Certify, applied.who, applied.dot)
        });
        assert!(certified, "{applied:?}");
        assert!(applied.state.is_some() || before.len() < events.len());
    }
}

/// The seed's picture shows the states of processes as they evolve.
#[test]
fn the_last_state_of_each_correct_member_is_recorded() {
    let net = hostile();
    let recording = recorded(&net);
    for (place, actor) in (0..).zip(recording.actors()) {
        if actor.byzantine {
            continue;
        }
        let states = recording.events().iter().filter(|event| event.who == place);
        let last = states.filter_map(|event| event.state.as_ref()).next_back();
        let shown: String = format!("{:?}", net.read(&actor.key).state())
            .chars()
            .take(240)
            .collect();
        assert!(
            last.is_some_and(|last| last.starts_with(&shown)),
            "{last:?}"
        );
    }
}

#[test]
fn what_is_no_recording_is_refused() {
    let whole = recorded(&hostile()).lines();
    let read = Recording::read;
    let first = whole.lines().next().expect("a run");
    assert!(matches!(read(""), Err(RecordingError::NoRun)));
    assert!(matches!(
        read("{}"),
        Err(RecordingError::Malformed { line: 1, .. })
    ));
    assert!(matches!(
        read(&whole[first.len() + 1..]),
        Err(RecordingError::NoRun)
    ));
    assert!(matches!(
        read(&whole.replacen("\"format\":1", "\"format\":2", 1)),
        Err(RecordingError::NoRun)
    ));
    let twice = format!("{first}\n{first}\n");
    assert!(matches!(
        read(&twice),
        Err(RecordingError::OutOfOrder { line: 2 })
    ));
    let long = format!("{first}\n{}", " ".repeat(70_000));
    assert!(matches!(
        read(&long),
        Err(RecordingError::TooLong { line: 2 })
    ));
    let strange = whole.replacen("\"who\":0", "\"who\":77", 1);
    assert!(matches!(
        read(&strange),
        Err(RecordingError::OutOfOrder { .. })
    ));
    let later = whole.replacen("\"id\":3,", "\"id\":4,", 1);
    assert!(matches!(
        read(&later),
        Err(RecordingError::OutOfOrder { .. })
    ));
}

#[quickcheck]
fn what_is_harmed_is_refused_or_reads_the_same_again(at: usize, byte: u8) -> bool {
    let whole = recorded(&hostile()).lines();
    let mut bytes = whole.into_bytes();
    let at = at % bytes.len();
    bytes[at] = byte;
    let harmed = String::from_utf8_lossy(&bytes);
    match Recording::read(&harmed) {
        Ok(read) => Recording::read(&read.lines()).is_ok_and(|again| again == read),
        Err(_) => true,
    }
}

/// What each actor of a run would have written as a node, by a clock that is wrong by as much as
/// `skews` says.
fn as_nodes_saw_it(recording: &Recording, skews: &[u64]) -> Vec<Recording> {
    let events = recording.events();
    let bytes = |event: &recording::Event| match &event.hashed {
        Some(Hashed::Sent(digits)) => Some(digits[..16].to_owned()),
        _ => None,
    };
    let saw = (0..).zip(recording.actors()).map(|(place, _)| {
        let skew = skews.get(place as usize).copied().unwrap_or_default();
        let mut lines = format!(
            "{{\"run\":{{\"format\":1,\"version\":\"\",\"world\":\"node\",\"begun\":{skew}}}}}\n"
        );
        for actor in recording.actors() {
            lines += &serde_json::json!({ "actor": actor }).to_string();
            lines.push('\n');
        }
        let own = events.iter().filter(|event| event.who == place);
        for (id, event) in (0..).zip(own) {
            let mut event = event.clone();
            let sent = event.parents.iter().map(|id| &events[*id as usize]);
            let sent = sent.filter(|sent| sent.peer == Some(place)).find_map(bytes);
            event.bytes = bytes(&event).or(sent);
            event.parents.clear();
            event.id = id;
            lines += &serde_json::json!({ "event": event }).to_string();
            lines.push('\n');
        }
        Recording::read(&lines).expect("well formed")
    });
    saw.collect()
}

#[quickcheck]
fn what_nodes_saw_is_merged_in_causal_order_whatever_their_clocks_say(skews: Vec<u64>) -> bool {
    let whole = recorded(&hostile());
    let merged = Recording::merge(&as_nodes_saw_it(&whole, &skews)).expect("nodes");
    let events = merged.events();
    let whose = |recording: &Recording, event: &recording::Event| {
        recording.actors()[event.who as usize].key
    };
    for actor in whole.actors() {
        let by = |recording: &Recording| -> Vec<_> {
            let own = recording.events().iter();
            let own = own.filter(|event| whose(recording, event) == actor.key);
            own.map(|event| (event.kind, event.hashed.clone()))
                .collect()
        };
        assert_eq!(by(&whole), by(&merged), "each keeps its own order");
    }
    let arrivals = events.iter().filter(|event| event.kind == Kind::Deliver);
    let known = arrivals.filter(|arrival| arrival.bytes.is_some());
    assert!(known.clone().count() > 20);
    for arrival in known {
        let left = |id: &u64| {
            let sent = &events[*id as usize];
            sent.kind == Kind::Send && sent.bytes == arrival.bytes
        };
        assert!(arrival.parents.iter().any(left), "{arrival:?}");
    }
    events.len() == whole.events().len()
}

#[test]
fn recordings_that_contradict_each_other_are_merged_all_the_same() {
    let whole = recorded(&hostile());
    let mut saw = as_nodes_saw_it(&whole, &[]);
    // One says that it took everything in before it said anything, as if the others knew
    // beforehand.
    let lines = saw[0].lines();
    let (run, events): (Vec<_>, Vec<_>) = lines
        .lines()
        .partition(|line| !line.starts_with("{\"event\""));
    let mut events: Vec<serde_json::Value> = events
        .iter()
        .map(|line| serde_json::from_str(line).expect("written here"))
        .collect();
    events.sort_by_key(|event| event["event"]["kind"] != "deliver");
    let mut lines = run.join("\n");
    for (id, mut event) in events.into_iter().enumerate() {
        event["event"]["id"] = id.into();
        lines = format!("{lines}\n{event}");
    }
    saw[0] = Recording::read(&lines).expect("well formed");
    let merged = Recording::merge(&saw).expect("nodes");
    assert_eq!(merged.events().len(), whole.events().len());
    assert_eq!(Recording::read(&merged.lines()).expect("whole"), merged);
}

#[test]
fn simulated_runs_are_not_merged() {
    let whole = recorded(&hostile());
    let refused = Recording::merge(&[whole.clone(), whole]);
    assert_eq!(refused, Err(MergeError::NotOfANode));
}

#[test]
fn a_line_that_breaks_off_at_the_end_is_left_out() {
    let whole = recorded(&hostile()).lines();
    let torn = &whole[..whole.len() - 10];
    let read = Recording::read(torn).expect("all but the last");
    assert_eq!(read.lines().lines().count() + 1, whole.lines().count());
    assert!(matches!(
        Recording::read(&format!("{torn}\n")),
        Err(RecordingError::Malformed { .. })
    ));
}
