//! A file as text, for people and for readers without the encoding.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FILE, Proof, VERSION};
use crate::codec::DecodeError;

/// Bytes of a text, at most: of a file each byte is two digits, and names stand beside them.
const TEXT: usize = 4 * FILE;

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
    /// [`FILE`], or in another way than [`to_json`](Self::to_json) writes it. The order of names, and
    /// space between them, may be any.
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
        let proof = Self::from_bytes(&read.proof.to_bytes())?;
        // And it has one text, but for the order of names and the space between them.
        let said: Value = serde_json::from_str(text).map_err(|_| DecodeError::Malformed)?;
        let (version, proof) = (VERSION, &proof);
        let written = serde_json::to_value(Written { version, proof });
        if written.expect("plain data is JSON") != said {
            return Err(DecodeError::NotCanonical);
        }
        Ok(read.proof)
    }
}
