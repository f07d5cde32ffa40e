//! What a liar makes of a packet: words put in others' places, numbers moved, lists out of order,
//! parts of other packets.

use std::collections::BTreeSet;
use std::sync::Arc;

use bft_crdts::deterministic_secure_broadcast::{Body, Packet, SnapshotPart};

use super::scene::{Scene, limits};
use super::script::Script;
use super::sign::Pen;

/// `packet` after a few edits. What stops being a packet is as before the edit: decoders have a
/// script of their own.
pub(super) fn edit(
    script: &mut Script<'_>,
    scene: &Scene,
    pen: &Pen<'_>,
    mut packet: Packet,
) -> Packet {
    for _ in 0..=script.below(4) {
        match script.below(8) {
            0 | 1 => lists(script, &mut packet.body),
            2 => graft(script, scene, &mut packet.body),
            3 => rebytes(&mut packet, |bytes| flip(script, bytes)),
            4 | 5 => rebytes(&mut packet, |bytes| renumber(script, bytes)),
            _ => rebytes(&mut packet, |bytes| reword(script, scene, bytes)),
        }
    }
    if script.below(4) > 0 {
        pen.body(&mut packet.body);
    }
    packet
}

fn rebytes(packet: &mut Packet, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = packet.encode();
    change(&mut bytes);
    if let Ok(other) = Packet::decode(&bytes, &limits()) {
        *packet = other;
    }
}

/// One byte is another.
pub(super) fn flip(script: &mut Script<'_>, bytes: &mut [u8]) {
    let at = script.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= script.byte().max(1);
    }
}

/// A small number is a neighbour of itself, or as large as can be.
pub(super) fn renumber(script: &mut Script<'_>, bytes: &mut [u8]) {
    let small = |at: &usize| bytes[at + 1..at + 8] == [0; 7] && (*at == 0 || bytes[at - 1] != 0);
    let places: Vec<_> = (0..bytes.len().saturating_sub(7)).filter(small).collect();
    let Some(at) = script.pick(&places).copied() else {
        return;
    };
    let number = u64::from(bytes[at]);
    let other = match script.below(6) {
        0 | 1 => number + 1,
        2 | 3 => number.saturating_sub(1),
        4 => u64::from(script.byte()),
        _ => u64::MAX,
    };
    bytes[at..at + 8].copy_from_slice(&other.to_le_bytes());
}

/// A key or digest is another one that the network knows.
pub(super) fn reword(script: &mut Script<'_>, scene: &Scene, bytes: &mut [u8]) {
    let known: BTreeSet<&[u8]> = scene.words.iter().map(<[u8; 32]>::as_slice).collect();
    let windows = bytes.windows(32).enumerate();
    let places = windows.filter(|(_, word)| known.contains(word));
    let places: Vec<_> = places.map(|(at, _)| at).collect();
    if let (Some(at), Some(word)) = (script.pick(&places), script.pick(&scene.words)) {
        bytes[*at..at + 32].copy_from_slice(word);
    }
}

/// Repeats, drops or swaps elements of a list.
pub(super) fn rearrange<T: Clone>(script: &mut Script<'_>, list: &mut Vec<T>) {
    if list.is_empty() {
        return;
    }
    let (one, other) = (script.below(list.len()), script.below(list.len()));
    match script.below(4) {
        0 => list.insert(other, list[one].clone()),
        1 => drop(list.remove(one)),
        2 => list.swap(one, other),
        _ => list.truncate(one),
    }
}

fn lists(script: &mut Script<'_>, body: &mut Body) {
    match body {
        Body::Certificate(certificate) => {
            rearrange(script, &mut Arc::make_mut(certificate).signatures);
        }
        Body::PullResponse(answer) => match script.below(4) {
            0 => rearrange(script, &mut answer.proofs),
            1 => rearrange(script, &mut answer.segments),
            _ => {
                let at = script.below(answer.segments.len());
                if let Some(segment) = answer.segments.get_mut(at) {
                    match script.below(4) {
                        0 => segment.certificate = None,
                        _ => rearrange(script, &mut segment.proposals),
                    }
                }
            }
        },
        Body::Report { changes, .. } => rearrange(script, changes),
        Body::Agreement { message, value, .. } => match script.below(4) {
            0 => *value = None,
            1 => rearrange(script, &mut message.quorums),
            _ => rearrange(script, &mut message.votes),
        },
        Body::FetchPayloads(fetch) => match script.below(2) {
            0 => rearrange(script, &mut fetch.reports),
            _ => rearrange(script, &mut fetch.payloads),
        },
        Body::Value(value) => {
            let draft = &mut Arc::make_mut(value).draft;
            match script.below(2) {
                0 => rearrange(script, &mut draft.changes),
                _ => {
                    let mut reports: Vec<_> =
                        std::mem::take(&mut draft.reports).into_iter().collect();
                    rearrange(script, &mut reports);
                    draft.reports = reports.into_iter().collect();
                }
            }
        }
        Body::GenerationProof(proof) => {
            let certificate = &mut Arc::make_mut(proof).certificate;
            rearrange(script, &mut Arc::make_mut(certificate).signatures);
        }
        Body::Snapshot {
            part: SnapshotPart::Chunk { bytes, .. },
            ..
        } => {
            let mut list = bytes.as_slice().to_vec();
            rearrange(script, &mut list);
            *bytes = list.into();
        }
        _ => {}
    }
}

/// Parts of another packet of the kind.
fn graft(script: &mut Script<'_>, scene: &Scene, body: &mut Body) {
    let alike = scene.pool.iter().map(|packet| &packet.body);
    let alike: Vec<_> = alike.filter(|other| other.kind() == body.kind()).collect();
    let Some(other) = script.pick(&alike).copied() else {
        return;
    };
    match (body, other) {
        (Body::Proposal(ours), Body::Proposal(theirs)) => match script.below(2) {
            0 => Arc::make_mut(ours).message.ops = theirs.message.ops.clone(),
            _ => Arc::make_mut(ours).sig = theirs.sig,
        },
        (Body::Certificate(ours), Body::Certificate(theirs)) => match script.below(2) {
            0 => Arc::make_mut(ours).statement = theirs.statement,
            _ => Arc::make_mut(ours).signatures.extend(&theirs.signatures),
        },
        (Body::PullResponse(ours), Body::PullResponse(theirs)) => match script.below(3) {
            0 => ours.proofs.extend(theirs.proofs.clone()),
            1 => ours.segments.extend(theirs.segments.clone()),
            _ => ours.summary.clone_from(&theirs.summary),
        },
        (Body::PullRequest(ours), Body::PullRequest(theirs)) => {
            ours.summary.clone_from(&theirs.summary);
        }
        (
            Body::Report { report, changes },
            Body::Report {
                report: other,
                changes: more,
            },
        ) => match script.below(2) {
            0 => *report = Arc::clone(other),
            _ => changes.extend(more.clone()),
        },
        (
            Body::Agreement { message, value, .. },
            Body::Agreement {
                message: theirs,
                value: other,
                ..
            },
        ) => match script.below(3) {
            0 => message.votes.extend(&theirs.votes),
            1 => message.quorums.extend(theirs.quorums.clone()),
            _ => value.clone_from(other),
        },
        (Body::GenerationProof(ours), Body::GenerationProof(theirs)) => {
            Arc::make_mut(ours).certificate = Arc::clone(&theirs.certificate);
        }
        (body, other) => *body = other.clone(),
    }
}
