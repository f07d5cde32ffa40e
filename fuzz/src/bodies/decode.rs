//! Arbitrary bytes at every decoder. What decodes has these very bytes, and whoever judges it says
//! so without falling over.

use std::fmt::Debug;

use bft_crdts::actor::Signed;
use bft_crdts::codec::{Bytes, Limits, decode as decode_as, decode_sequence, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Certificate, ChangeApproval, Equivocation, FetchPayloads, Message, Packet, Proposal,
    PullRequest, PullResponse, Record, Segment, SnapshotPart, Summary,
};
use bft_crdts::membership::{
    self, AgreementMessage, CertifiedState, Change, ChangeCertificate, CheckedReport, Entry,
    GenerationProof, GenerationProposal, Genesis, Report, Vote,
};
use bft_crdts::snapshot::Manifest;
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::types::{Text, text};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, at2_impl, bank, money, orswot};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::scene::{limits, scenes};
use crate::common::find;

/// More than any corpus file holds: the bound itself is tested elsewhere.
const MOST: usize = 1 << 20;

/// Decodes `input` as everything that is ever decoded.
pub fn decode(input: &[u8]) {
    if let Some(packet) = same::<Packet>(input) {
        // The bounds are asked for, then the words that logs and charts show.
        let within = packet.body.check(&limits());
        let shown = (packet.body.dot(), packet.body.kind(), within);
        assert!(!format!("{} {shown:?}", packet.body).is_empty());
        let wide = Packet::decode(input, &Limits::default());
        assert_eq!(wide.as_ref(), Ok(&packet));
    }
    same::<Record>(input);
    same::<Vec<Record>>(input);
    same::<membership::Record>(input);
    parts_of_packets(input);
    membership(input);
    algorithms(input);
}

fn parts_of_packets(input: &[u8]) {
    let network = scenes()[0].table.network();
    same::<PullRequest>(input);
    same::<PullResponse>(input);
    same::<Segment>(input);
    same::<Certificate>(input);
    same::<Signed<Summary>>(input);
    same::<FetchPayloads>(input);
    same::<SnapshotPart>(input);
    same::<Bytes>(input);
    if let Some(message) = same::<Message>(input) {
        judge_ops::<orswot::Orswot<u8>>(&message);
    }
    if let Some(proposal) = same::<Proposal>(input) {
        judge_ops::<bank::Bank>(&proposal.message);
    }
    if let Some(evidence) = same::<Equivocation>(input) {
        let convicted = evidence.verify(&network);
        assert!(convicted.is_err() || convicted == Ok(evidence.accused()));
    }
    if let Some(manifest) = same::<Manifest>(input) {
        assert!(!manifest.proves(manifest.chunks(), input));
        assert!(manifest.is_sound() || manifest.digest() == manifest.clone().digest());
    }
    if let Some(actor) = same::<Actor>(input) {
        assert!(actor.public_key().is_err() || actor.public_key().map(|k| k.actor()) == Ok(actor));
    }
}

fn membership(input: &[u8]) {
    let genesis = same::<Genesis>(input);
    if let Some(committee) = genesis.and_then(|genesis| genesis.committee().ok()) {
        assert!(committee.quorum() <= committee.size());
    }
    if let Some(state) = same::<CertifiedState>(input) {
        let origin = state.verify();
        assert!(origin.is_err() || origin.is_ok_and(|it| it.network == state.genesis().network()));
        // A state of a set or none; both are answers.
        let _ = state.into_fresh(orswot::Orswot::<u8>::new(scenes()[0].table.keys[0].actor()));
    }
    same::<AgreementMessage>(input);
    same::<ChangeApproval>(input);
    same::<Signed<Vote>>(input);
    same::<Signed<Entry>>(input);
    let value = same::<GenerationProposal>(input);
    let proof = same::<GenerationProof>(input);
    let report = same::<Signed<Report>>(input);
    let change = same::<Change>(input);
    let change_certificate = same::<ChangeCertificate>(input);
    for scene in scenes() {
        let boundary = scene.boundary();
        // Refused or found good; both are answers.
        if let Some(value) = &value {
            let held = |of: &Actor, digest: &_| find(&scene.reports, of, digest);
            let rests_on = value.draft.resolve(held);
            let _ = rests_on.map(|reports| value.check(boundary, &reports));
        }
        if let Some(report) = &report {
            let fact = boundary
                .committee()
                .verify(boundary.network(), report.clone());
            let _ = fact.map(|fact| CheckedReport::of(boundary, fact));
        }
        let _ = proof.as_ref().map(|proof| proof.verify(boundary));
        let _ = change.as_ref().map(|change| change.check(boundary));
        let _ = change_certificate
            .as_ref()
            .map(|claim| claim.verify(boundary));
    }
}

fn algorithms(input: &[u8]) {
    same::<orswot::State<u8>>(input);
    same::<orswot::State<String>>(input);
    same::<bank::State>(input);
    same::<at2_impl::State>(input);
    same::<text::State<char>>(input);
    same::<text::State<String>>(input);
    same::<orswot::Op<String>>(input);
    same::<money::Transfer>(input);
    judge_sequence::<orswot::Orswot<u8>>(input);
    judge_sequence::<bank::Bank>(input);
    judge_sequence::<at2_impl::At2>(input);
    judge_sequence::<Text>(input);
}

/// The value in `input`, whose bytes these are.
fn same<T: Serialize + DeserializeOwned + Debug>(input: &[u8]) -> Option<T> {
    let value = decode_as::<T>(input, MOST).ok()?;
    assert_eq!(encode(&value), input);
    assert!(!format!("{value:?}").is_empty());
    Some(value)
}

fn judge_ops<A: WireAlgorithm>(message: &Message) {
    if let Ok(ops) = message.decode::<A::Op>(&limits()) {
        assert_eq!(encode(&ops), message.ops.as_slice());
        judge::<A>(&message.source, ops);
    }
}

fn judge_sequence<A: WireAlgorithm>(input: &[u8]) {
    if let Ok(ops) = decode_sequence::<A::Op>(input, MOST, 1024) {
        assert_eq!(encode(&ops), input);
        for key in &scenes()[0].table.keys {
            judge::<A>(&key.actor(), ops.clone());
        }
    }
}

/// What is valid is applied, and leaves a state that others can start from.
fn judge<A: WireAlgorithm>(source: &Actor, ops: Vec<A::Op>) {
    let mut algorithm = A::new(*source);
    if !algorithm.verdict_batch(source, &ops).is_valid() {
        return;
    }
    for op in ops {
        assert!(algorithm.validate(source, &op));
        algorithm.apply(op);
    }
    let bytes = encode(&algorithm.state());
    let state = decode_as::<A::ReplicatedState>(&bytes, bytes.len()).expect("its own state");
    assert_eq!(state, algorithm.state());
}

/// Real bytes of each kind, to begin with: packets, records, and what they are made of.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = std::collections::BTreeMap::new();
    for scene in scenes() {
        for packet in &scene.pool {
            let name = format!("packet-{}", packet.body.kind());
            seeds.entry(name).or_insert_with(|| packet.encode());
        }
        for record in scene.table.records.iter().flatten() {
            let shown = format!("{record:?}");
            let kind: String = shown.chars().take_while(|c| c.is_alphabetic()).collect();
            let name = format!("record-{}", kind.to_lowercase());
            seeds.entry(name).or_insert_with(|| encode(record));
        }
        let states = scene.table.replicas.iter();
        for state in states.filter_map(|replica| replica.certified_state()) {
            let name = "certified-state".to_owned();
            seeds.entry(name).or_insert_with(|| encode(&state));
        }
        for (name, bytes) in scene.parts() {
            seeds.entry(name.to_owned()).or_insert(bytes);
        }
    }
    seeds.extend(texts());
    seeds.into_iter().collect()
}

/// What an author writes in one go, and the text afterwards.
fn texts() -> [(String, Vec<u8>); 2] {
    let mut text = Text::new(scenes()[0].table.keys[0].actor());
    let mut ops = Vec::new();
    for (at, word) in [(0, "word"), (3, "s"), (0, "two "), (6, "r")] {
        let op = text.insert(at, word).expect("a position");
        text.apply(op.clone());
        ops.push(op);
        let op = text.delete(at..at + 1).expect("a letter");
        text.apply(op.clone());
        ops.push(op);
    }
    [
        ("text-ops", encode(&ops)),
        ("text-state", encode(&text.state())),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
}
