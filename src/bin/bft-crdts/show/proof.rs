//! What a file proves, and what it does not, in words for people and as JSON for programs.

use std::fmt::Write;

use bft_crdts::bank::Money;
use bft_crdts::codec::Bytes;
use bft_crdts::verify::{End, Established, Evidence, Proof, Proven, Receipt, StateProof, Trust};
use serde_json::{Value, json};

use super::{effect, lines, plain};
use crate::kinds::Known;
use crate::proof_file::known;
use crate::protocol::Kind;
use crate::verdict::{self, Verdict};
use crate::view;

/// Operations of a message that people are shown, at most.
const SHOWN: usize = 20;

/// Hexadecimal digits of bytes.
pub(crate) fn digits(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // It is written into memory.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// The bytes that such digits spell, if they do.
pub(crate) fn bytes(digits: &str) -> Option<Vec<u8>> {
    let bytes: Bytes = serde_json::from_value(digits.into()).ok()?;
    Some(bytes.as_slice().to_vec())
}

// ---- what was written

/// A proof that lies in a file now.
pub(crate) fn kept(proof: &Proof, kind: Kind, file: &str) -> String {
    match proof {
        Proof::Receipt(receipt) => {
            let how = match &receipt.end {
                End::Frontier { generation, .. } => {
                    format!("the header of {generation} proves it, for ever")
                }
                End::Certificate { generation, .. } | End::Carried { generation, .. } => format!(
                    "the members of {generation} signed it. Take it again when another generation has begun, whose header then proves it"
                ),
            };
            format!("the receipt of {} is in {file}: {how}", place(receipt))
        }
        Proof::StateProof(state) => format!(
            "{}: the proof is in {file}",
            said(state, known(proof, Some(kind)).as_ref())
        ),
        _ => format!("the proof is in {file}"),
    }
}

/// The same for programs.
pub(crate) fn kept_machine(proof: &Proof, kind: Kind, file: &str) -> Value {
    let mut told = match proof {
        Proof::Receipt(receipt) => {
            let (end, generation) = match &receipt.end {
                End::Frontier { generation, .. } => ("frontier", generation),
                End::Certificate { generation, .. } => ("certificate", generation),
                End::Carried { generation, .. } => ("carried", generation),
            };
            let place = view::place(&receipt.message.dot());
            json!({ "kind": "receipt", "place": place, "end": end, "generation": generation.number() })
        }
        Proof::StateProof(state) => {
            let mut told = record(state, known(proof, Some(kind)).as_ref());
            told["kind"] = "state-proof".into();
            told
        }
        _ => json!({}),
    };
    told["network"] = proof.network().to_string().into();
    told["file"] = file.into();
    told
}

// ---- what was verified

/// What a file proves, a row for each thing.
pub(crate) fn human(it: &Verdict) -> String {
    let trusted = match it.trust {
        Trust::Network(_) => "the network's name".to_owned(),
        Trust::Header { generation, .. } => format!("the header of {generation}"),
    };
    let (what, proven, not) = match &it.proof {
        Proof::Receipt(receipt) => (
            "a receipt",
            accepted(receipt),
            "when it was accepted, and what the state says now: later operations may have undone it",
        ),
        Proof::StateProof(state) => (
            "a proof of a record",
            said(state, known(&it.proof, None).as_ref()),
            "what the state says now, and what it said before",
        ),
        Proof::Evidence(evidence) => (
            "evidence",
            convicted(evidence),
            "which of the two counts, and that the members know of it",
        ),
        _ => ("a proof", String::new(), "anything that this program knows"),
    };
    let (grade, rests) = match &it.established {
        Established::Convicts(_) => (String::new(), "the two signatures of its key".to_owned()),
        Established::Proven(proven) => (
            format!(", {}", it.established.word()),
            rests_on(&it.proof, proven),
        ),
    };
    let rows = [
        ("file", format!("{what}{grade}")),
        ("network", it.proof.network().to_string()),
        ("trusted", trusted),
        ("proven", proven),
        ("rests on", rests),
        ("not proven", not.to_owned()),
    ];
    lines(
        rows.iter()
            .map(|(name, value)| format!("{name:<11}{value}")),
    )
}

/// The same for programs.
pub(crate) fn machine(it: &Verdict) -> Value {
    let mut told = match &it.proof {
        Proof::Receipt(receipt) => json!({
            "kind": "receipt",
            "place": view::place(&receipt.message.dot()),
            "count": verdict::count(receipt),
            "operations": verdict::effects(receipt),
        }),
        Proof::StateProof(state) => {
            let mut told = record(state, known(&it.proof, None).as_ref());
            told["kind"] = "state-proof".into();
            told
        }
        Proof::Evidence(evidence) => json!({
            "kind": "evidence",
            "accused": evidence.equivocation.accused().to_string(),
            "place": evidence.equivocation.dot().map(|dot| view::place(&dot)),
        }),
        _ => json!({}),
    };
    told["verdict"] = it.established.word().into();
    told["network"] = it.proof.network().to_string().into();
    told["trusted"] = match it.trust {
        Trust::Network(_) => Value::Null,
        Trust::Header { generation, digest } => view::header(generation, &digest).into(),
    };
    if let Established::Proven(proven) = &it.established {
        let signers = verdict::signers(&it.proof, proven);
        told["anchor"] = proven.anchor.number().into();
        told["by"] = proven.by.number().into();
        told["signers"] = signers.map(|(first, last)| json!([first, last])).into();
    }
    told
}

/// Whom evidence convicts that was checked, and of what.
pub(crate) fn convicted(evidence: &Evidence) -> String {
    let (accused, network) = (evidence.equivocation.accused(), evidence.network);
    let did = match evidence.equivocation.dot() {
        Some(dot) => format!("signed two things about {dot}"),
        None => "voted twice in one round".to_owned(),
    };
    format!("{accused} is convicted: it {did} in network {network}")
}

/// The message of a receipt and its operations.
fn accepted(receipt: &Receipt) -> String {
    let count = verdict::count(receipt);
    let operations = match count {
        1 => "1 operation".to_owned(),
        count => format!("{count} operations"),
    };
    let accepted = format!("{} was accepted, with {operations}", place(receipt));
    let Some(effects) = verdict::effects(receipt) else {
        return format!(
            "{accepted}; what they say is not told: the file does not describe a network that this program knows"
        );
    };
    let row = |it| format!("             {}", effect(it));
    let mut shown: Vec<_> = effects.iter().take(SHOWN).map(row).collect();
    if effects.len() > SHOWN {
        let more = effects.len() - SHOWN;
        shown.push(format!("             and {more} more, which --json tells"));
    }
    format!("{accepted}\n{}", shown.join("\n"))
}

/// What a state says, and which state.
fn said(state: &StateProof, known: Option<&Known>) -> String {
    let said = match known {
        Some(Known::Member(member, true)) => format!("{} is in the set", quoted(member)),
        Some(Known::Member(member, false)) => format!("{} is not in the set", quoted(member)),
        Some(Known::Account(owner, Some(money))) => {
            format!("the account of {owner} holds {}", Money::units(*money))
        }
        Some(Known::Account(owner, None)) => format!("{owner} has no account"),
        Some(Known::Count(count)) => format!("the counter is {count}"),
        Some(Known::Put(key, Some(value))) => {
            format!("under {} is {}", quoted(key), quoted(value))
        }
        Some(Known::Put(key, None)) => format!("there is nothing under {}", quoted(key)),
        None => {
            let key = digits(state.key.as_slice());
            match &state.value {
                Some(value) => format!(
                    "the record with the key {key:?} has the bytes {:?}",
                    digits(value.as_slice())
                ),
                None => format!("there is no record with the key {key:?}"),
            }
        }
    };
    format!("{said}, in the state with which {} began", state.generation)
}

/// A record for programs: as it is, and in the words of its kind where that is known.
fn record(state: &StateProof, known: Option<&Known>) -> Value {
    let (key, value) = known.map(Known::machine).unwrap_or_default();
    json!({
        "generation": state.generation.number(),
        "present": state.value.is_some(),
        "key": key,
        "value": value,
        "key_bytes": digits(state.key.as_slice()),
        "value_bytes": state.value.as_ref().map(|value| digits(value.as_slice())),
    })
}

/// A text of others between quotation marks.
fn quoted(text: &str) -> String {
    format!("\"{}\"", plain(text))
}

/// On what a reader relies.
fn rests_on(proof: &Proof, proven: &Proven) -> String {
    match verdict::signers(proof, proven) {
        None => format!(
            "hashes alone, from what is trusted down to {}: for ever, whatever keys are stolen",
            proven.by
        ),
        Some((first, last)) => {
            let whose = match first == last {
                true => format!("generation {first}"),
                false => format!("generations {first} to {last}"),
            };
            format!(
                "signatures of the members of {whose}: whoever has the keys of a quorum of one could make the same"
            )
        }
    }
}

fn place(receipt: &Receipt) -> String {
    let message = &receipt.message;
    format!("{}.{}", message.source, message.seq)
}
