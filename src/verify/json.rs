//! A file as text, for people and for readers without the encoding.

use serde::{Deserialize, Serialize};

use super::{FILE, Proof, VERSION};
use crate::codec::DecodeError;

/// Bytes of a text, at most: of a file each byte is two digits, and names stand beside them.
const TEXT: usize = 8 * FILE;

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    proof: &'a Proof,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    proof: Proof,
}

impl Proof {
    /// The file as JSON, on one line.
    ///
    /// # Panics
    /// Never: all of it is plain data.
    #[must_use]
    pub fn to_json(&self) -> String {
        let version = VERSION;
        let proof = self;
        serde_json::to_string(&Written { version, proof }).expect("plain data is JSON")
    }

    /// The file that a text stands for.
    ///
    /// # Errors
    /// [`DecodeError`] when it stands for none of this version, or for one that is longer than
    /// [`FILE`]. The order of names, and space between them, may be any.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        if text.len() > TEXT {
            let (len, limit) = (text.len(), TEXT);
            return Err(DecodeError::TooLong { len, limit });
        }
        let read: Read = serde_json::from_str(text).map_err(|_| DecodeError::Malformed)?;
        if read.version != VERSION {
            return Err(DecodeError::Malformed);
        }
        // What is out of order in the text, or too long, is no file.
        Self::from_bytes(&read.proof.to_bytes())
    }
}
