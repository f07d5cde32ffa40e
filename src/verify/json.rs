//! Proofs as text, for people and for readers without a decoder of the bytes.
//!
//! The text stands for the bytes, and is converted in both ways without loss: what is checked is
//! what the bytes say. Numbers of 64 bits stand in strings, since readers of JSON take them for
//! floats.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FILE, Proof, VERSION};
use crate::codec::encoded_len;

/// Bytes of a text, at most: of the longest file, digits take two for one, names and marks some.
pub const TEXT: usize = 32 << 20;

/// Why a text is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// More bytes than the bound, as text or as the bytes that it stands for.
    #[error("{len} bytes, at most {limit} allowed")]
    TooLong {
        /// Bytes that came.
        len: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// It is written in another version.
    #[error("version {0}, and this is read in version {VERSION}")]
    Version(u32),
    /// It stands for a proof, and not as [`Proof::to_json`] writes it: capitals, a set out of
    /// order, a name left out.
    #[error("not the text that such a proof has")]
    NotCanonical,
    /// It is no JSON, or not of this shape.
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
}

/// The whole text.
#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    proof: &'a Proof,
}

/// Of a text of any version, its number.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The whole text of this version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(rename = "version")]
    _version: u32,
    proof: Proof,
}

impl Proof {
    /// The text that stands for the same bytes, in one line.
    ///
    /// # Panics
    /// Never: all of it is plain data.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (version, proof) = (VERSION, self);
        serde_json::to_string(&Written { version, proof }).expect("plain data")
    }

    /// What a text says, which may all be a lie.
    ///
    /// # Errors
    /// [`JsonError`] when it is no proof of this version, longer than [`TEXT`], or stands for more
    /// bytes than [`FILE`].
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        let bounded = |len, limit| match len > limit {
            true => Err(JsonError::TooLong { len, limit }),
            false => Ok(()),
        };
        bounded(text.len(), TEXT)?;
        let Versioned { version } = serde_json::from_str(text)?;
        if version != VERSION {
            return Err(JsonError::Version(version));
        }
        let Read { proof, .. } = serde_json::from_str(text)?;
        bounded(super::MAGIC.len() + encoded_len(&(VERSION, &proof)), FILE)?;
        // A proof has one text, but for the order of names and the space between them.
        let (said, version) = (serde_json::from_str::<Value>(text)?, VERSION);
        let written = serde_json::to_value(Written {
            version,
            proof: &proof,
        })?;
        match written == said {
            true => Ok(proof),
            false => Err(JsonError::NotCanonical),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One proof of each kind, as `docs/formats.md` writes it. The seat and the limits are numbers,
    /// the path of the first ends beside a record, that of the second beside none.
    fn texts() -> [String; 3] {
        let digest = |byte: &str| byte.repeat(32);
        let (a, b, c, sig) = (digest("0a"), digest("0b"), digest("0c"), "0d".repeat(64));
        let commitment = format!(r#"{{"snapshot":"{a}","records":"{b}"}}"#);
        let header = format!(
            r#"{{"parent":"{a}","generation":"18446744073709551615","members":["{a}","{b}"],"frontier":"{a}","marks":"{b}","state":{commitment},"body":"{c}"}}"#
        );
        let limits = r#"{"message_bytes":1,"message_ops":2,"seats":3,"lanes":4,"packet_bytes":5,"segment_bytes":6,"segment_messages":7,"outbox_bytes":8}"#;
        let genesis = format!(
            r#"{{"genesis":{{"algorithm":"a \"name\"","configuration":"00ff","state":{commitment},"members":["{c}"],"limits":{limits},"nonce":"{a}","signatures":"c1"}}}}"#
        );
        let link = format!(
            r#"{{"header":{header},"round":2,"signatures":[[0,"{sig}"],[65535,"{sig}"]]}}"#
        );
        let echo = |digest: &str| {
            format!(
                r#"{{"statement":{{"generation":"1","dot":{{"source":"{a}","seq":"7"}},"digest":"{digest}"}},"signer":"{a}","sig":"{sig}"}}"#
            )
        };
        let carried = format!(
            r#"{{"carried":{{"generation":"1","signatures":[],"into":"2","lock":{},"path":{{"siblings":["{c}"],"beside":[["{a}","{b}"]]}}}}}}"#,
            echo(&b)
        );
        let receipt = format!(
            r#"{{"network":"{c}","chain":{{"root":{genesis},"links":[{link}]}},"message":{{"source":"{a}","seq":"1","parent":"{b}","ops":"0102"}},"later":["{c}"],"end":{carried}}}"#
        );
        let state = format!(
            r#"{{"network":"{c}","chain":{{"root":{{"header":{header}}},"links":[]}},"generation":"0","key":"","value":null,"path":{{"siblings":[],"beside":[]}}}}"#
        );
        let evidence = format!(
            r#"{{"network":"{c}","equivocation":{{"echo":{{"left":{},"right":{}}}}}}}"#,
            echo(&b),
            echo(&c)
        );
        [
            ("receipt", receipt),
            ("state_proof", state),
            ("evidence", evidence),
        ]
        .map(|(kind, it)| format!(r#"{{"version":1,"proof":{{"{kind}":{it}}}}}"#))
    }

    #[test]
    fn each_kind_is_converted_in_both_ways_without_loss() {
        for text in texts() {
            let proof = Proof::from_json(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
            assert_eq!(proof.to_json(), text);
            let bytes = proof.to_bytes();
            assert_eq!(Proof::from_bytes(&bytes), Ok(proof.clone()));
            let spaced = text.replace(',', " ,\n\t");
            assert_eq!(
                Proof::from_json(&spaced).expect("spaces say nothing"),
                proof
            );
        }
    }

    #[test]
    fn what_is_no_proof_of_this_version_is_told() {
        let [text, ..] = texts();
        let replaced = |from: &str, to: &str| {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            Proof::from_json(&changed).expect_err("it is changed")
        };
        let other = replaced(r#"{"version":1"#, r#"{"version":2"#);
        assert!(matches!(other, JsonError::Version(2)));
        for (from, to) in [
            (r#"{"version":1"#, r#"{"versions":1"#),
            (r#"{"version":1"#, r#"{"version":1,"more":1"#),
            (r#"{"network""#, r#"{"more":1,"network""#),
            (r#""later":["0c"#, r#""later":["0"#),
            (r#""seq":"1""#, r#""seq":1"#),
            (r#""seq":"1""#, r#""seq":"01""#),
            (r#""ops":"0102""#, r#""ops":"010""#),
            ("[[0,", "[[65536,"),
            (r#""c1""#, r#""c2""#),
        ] {
            let why = replaced(from, to);
            assert!(matches!(why, JsonError::Malformed(_)), "{from} {to}: {why}");
        }
        for text in ["", "{", "[", "null", &"[".repeat(1 << 20)] {
            assert!(matches!(
                Proof::from_json(text),
                Err(JsonError::Malformed(_))
            ));
        }
    }

    /// Two texts of one proof would be two things to whoever compares texts.
    #[test]
    fn a_proof_has_one_text_but_for_spaces_and_the_order_of_names() {
        let [text, ..] = texts();
        let (a, b) = ("0a".repeat(32), "0b".repeat(32));
        let members = [
            format!(r#""members":["{a}","{b}"]"#),
            format!(r#""members":["{b}","{a}"]"#),
        ];
        for (from, to) in [
            (&*members[0], &*members[1]),
            (r#""ops":"0102""#, r#""ops":"01AA""#),
            (r#""c1""#, r#"{"c1":null}"#),
            (r#""later":["0c"#, r#""later":["0C"#),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let outcome = Proof::from_json(&changed);
            assert!(matches!(outcome, Err(JsonError::NotCanonical)), "{to}");
        }
        let [_, text, _] = texts();
        let outcome = Proof::from_json(&text.replacen(r#""value":null,"#, "", 1));
        assert!(outcome.is_err());
        let (first, rest) = (r#""version":1,"#, text.replacen(r#""version":1,"#, "", 1));
        let turned = format!(
            "{},{}}}",
            &rest[..rest.len() - 1],
            &first[..first.len() - 1]
        );
        assert!(Proof::from_json(&turned).is_ok());
    }

    #[test]
    fn a_text_has_a_bound_and_so_have_the_bytes_that_it_stands_for() {
        let long = " ".repeat(TEXT + 1);
        let long = Proof::from_json(&long).expect_err("too long");
        assert!(matches!(long, JsonError::TooLong { limit: TEXT, .. }));
        let [text, ..] = texts();
        let ops = format!(r#""ops":"{}""#, "00".repeat(FILE));
        let large = Proof::from_json(&text.replace(r#""ops":"0102""#, &ops));
        let large = large.expect_err("too large");
        assert!(matches!(large, JsonError::TooLong { limit: FILE, .. }));
    }
}
