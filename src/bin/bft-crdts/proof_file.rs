//! Files with proofs, as bytes or as JSON: reading, writing and converting them.
//!
//! Whoever hands them on may be a liar: of what is read as much is taken as a proof may have.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use bft_crdts::codec::DecodeError;
use bft_crdts::verify::{FILE, JsonError, Proof, TEXT};
use serde_json::json;

use crate::client;
use crate::failure::Failure;
use crate::home::Home;
use crate::kinds::Known;
use crate::protocol::{Kind, Place, ProofDigits, Reply, Request, Unreadable};
use crate::show::{self, proof as words};
use crate::snapshot::spare;
use crate::{print, print_reply, verdict};

/// How files begin that a proof may take the place of: proofs of any version.
const BEGINNINGS: [&[u8]; 2] = [b"BFTPROOF", b"{\"version\":"];

/// Why a file is none of a proof.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoProof {
    #[error("{0}")]
    Bytes(#[from] DecodeError),
    #[error("it is not UTF-8")]
    Text,
    #[error("{0}")]
    Json(#[from] JsonError),
}

/// In which of two forms a proof is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Bytes,
    Json,
}

/// What a file says, which may all be a lie.
pub(crate) fn read(path: &Path) -> Result<Proof, Failure> {
    Ok(read_form(path)?.0)
}

/// The same, and how it is written: JSON begins with a brace.
fn read_form(path: &Path) -> Result<(Proof, Form), Failure> {
    let failed = |error| Failure::File(path.to_owned(), error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let first = (&file).take(1).read_to_end(&mut bytes);
    first.map_err(failed)?;
    let (form, limit) = match &*bytes {
        b"{" => (Form::Json, TEXT),
        _ => (Form::Bytes, FILE),
    };
    file.take(limit as u64)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let proof = match form {
        Form::Json => from_json(&bytes),
        Form::Bytes => Proof::from_bytes(&bytes).map_err(NoProof::from),
    };
    let proof = proof.map_err(|why| Failure::NoProof(path.to_owned(), why))?;
    Ok((proof, form))
}

fn from_json(bytes: &[u8]) -> Result<Proof, NoProof> {
    let text = std::str::from_utf8(bytes).map_err(|_| NoProof::Text)?;
    Ok(Proof::from_json(text)?)
}

/// Writes the other form of a file: JSON of bytes, bytes of JSON.
pub(crate) fn convert(home: &Home, file: &Path, out: &Path, json: bool) -> Result<(), Failure> {
    check_place(out)?;
    let (word, words, bytes) = match read_form(file)? {
        (proof, Form::Json) => ("bytes", "as bytes", proof.to_bytes()),
        (proof, Form::Bytes) => ("json", "as JSON", (proof.to_json() + "\n").into_bytes()),
    };
    home.write(out.to_owned(), &bytes)?;
    let name = out.display().to_string();
    let told = match json {
        true => show::line(&json!({ "file": name, "form": word })),
        false => format!("the same proof is in {name}, {words}"),
    };
    Ok(print(&told)?)
}

/// Refuses what cannot be written before anything is asked for.
pub(crate) fn prepare(request: &Request) -> Result<(), Failure> {
    request.proof().map_or(Ok(()), check_place)
}

/// Refuses to put a proof in the place of anything else.
fn check_place(file: &Path) -> Result<(), Failure> {
    let spared = spare(file, &BEGINNINGS, "which no proof replaces");
    spared.map_err(|error| Failure::File(file.to_owned(), error))
}

/// Prints the answer to a request. What it is to be written into a file is written, and told: the
/// proof that it is, or the receipt of what was delivered.
pub(crate) fn finish(
    home: &Home,
    request: &Request,
    reply: &Reply,
    json: bool,
) -> Result<(), Failure> {
    let Some(file) = request.proof() else {
        return Ok(print_reply(reply, json)?);
    };
    if let Reply::Proof(told) = reply {
        return keep(home, told, file, json);
    }
    print_reply(reply, json)?;
    let taken = match reply {
        Reply::Delivered(place) => take_receipt(home, place, file, json),
        _ => {
            let why = "it was made before, and the answer does not name its message";
            return Err(Failure::NoReceipt(file.to_owned(), why.to_owned()));
        }
    };
    // Whatever is wrong, it is not to be made again.
    taken.map_err(|why| Failure::NoReceipt(file.to_owned(), format!("it is delivered, and {why}")))
}

fn take_receipt(home: &Home, place: &Place, file: &Path, json: bool) -> Result<(), Failure> {
    let request = Request::Receipt {
        place: format!("{}.{}", place.source, place.seq),
        file: file.to_owned(),
        since: 0,
    };
    match client::ask(home, &request)? {
        Reply::Proof(told) => keep(home, &told, file, json),
        other => Ok(print_reply(&other, json)?),
    }
}

/// Writes what a node answered, and tells what it is.
fn keep(home: &Home, told: &ProofDigits, file: &Path, json: bool) -> Result<(), Failure> {
    let unreadable = |why| Failure::Unreadable(home.directory().to_owned(), why);
    let bytes = words::bytes(&told.digits).ok_or_else(|| unreadable(Unreadable::Digits))?;
    let proof = Proof::from_bytes(&bytes).map_err(|why| unreadable(Unreadable::Proof(why)))?;
    home.write(PathBuf::from(file), &bytes)?;
    let name = file.display().to_string();
    let told = match json {
        true => show::line(&words::kept_machine(&proof, told.kind, &name)),
        false => words::kept(&proof, told.kind, &name),
    };
    Ok(print(&told)?)
}

/// What a proof of a record says, in a network of this kind.
pub(crate) fn known(proof: &Proof, kind: Option<Kind>) -> Option<Known> {
    let Proof::StateProof(state) = proof else {
        return None;
    };
    let kind = kind.or_else(|| verdict::kind(&state.chain).map(|(kind, _)| kind))?;
    let value = state.value.as_ref().map(|value| value.as_slice());
    Known::of(kind, state.key.as_slice(), value)
}
