//! The line around what is said: the version that it is written in, and whether another line
//! follows.

use bft_crdts::codec::DecodeError;
use serde::{Deserialize, Serialize};

use super::{Answer, Refusal, Reply, Request, VERSION};

/// What is read of a line before all else.
#[derive(Deserialize)]
struct Spoken {
    version: u64,
}

#[derive(Serialize)]
struct Asked<'a> {
    version: u64,
    request: &'a Request,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Heard {
    #[serde(rename = "version")]
    _version: u64,
    request: Request,
}

/// An answer as it stands in its line.
#[derive(Serialize, Deserialize)]
struct Answered {
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply: Option<Reply>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Told>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

/// A refusal with what people are told of it.
#[derive(Serialize, Deserialize)]
struct Told {
    #[serde(flatten)]
    refusal: Refusal,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// Why a line is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("the node speaks version {0} of the control protocol, and this program {VERSION}")]
    Version(u64),
    #[error("the answer is not understood: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("the proof is none of this version: {0}")]
    Proof(#[from] DecodeError),
    #[error("the proof is not written in hexadecimal digits")]
    Digits,
    #[error("the answer is neither a reply nor an error")]
    Empty,
}

/// One of the lines that answer a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) answer: Answer,
    /// Whether another line follows.
    pub(crate) more: bool,
}

/// A request as a line, with its end.
pub(crate) fn ask(request: &Request) -> serde_json::Result<Vec<u8>> {
    let version = VERSION;
    finished(&Asked { version, request })
}

/// The request that a line is.
pub(crate) fn hear(line: &[u8]) -> Result<Request, Refusal> {
    let malformed = |error: serde_json::Error| Refusal::Malformed(error.to_string());
    let spoken: Spoken = serde_json::from_slice(line).map_err(malformed)?;
    if spoken.version != VERSION {
        return Err(Refusal::Version {
            asked: spoken.version,
            spoken: VERSION,
        });
    }
    let heard: Heard = serde_json::from_slice(line).map_err(malformed)?;
    Ok(heard.request)
}

impl Line {
    /// The last line of an answer.
    pub(crate) fn last(answer: Answer) -> Self {
        let more = false;
        Self { answer, more }
    }

    /// A line that another one follows.
    pub(crate) fn before_another(reply: Reply) -> Self {
        let (answer, more) = (Ok(reply), true);
        Self { answer, more }
    }

    /// The line, with its end.
    pub(crate) fn write(self) -> serde_json::Result<Vec<u8>> {
        let (reply, error) = match self.answer {
            Ok(reply) => (Some(reply), None),
            Err(refusal) => (None, Some(Told::of(refusal))),
        };
        finished(&Answered {
            version: VERSION,
            reply,
            error,
            more: self.more,
        })
    }

    pub(crate) fn read(line: &[u8]) -> Result<Self, Unreadable> {
        let spoken: Spoken = serde_json::from_slice(line)?;
        if spoken.version != VERSION {
            return Err(Unreadable::Version(spoken.version));
        }
        let answered: Answered = serde_json::from_slice(line)?;
        let answer = match (answered.reply, answered.error) {
            (Some(reply), None) => Ok(reply),
            (None, Some(told)) => Err(told.refusal),
            _ => return Err(Unreadable::Empty),
        };
        let more = answered.more;
        Ok(Self { answer, more })
    }
}

impl Told {
    fn of(refusal: Refusal) -> Self {
        Self {
            message: refusal.to_string(),
            advice: refusal.advice().map(str::to_owned),
            refusal,
        }
    }
}

/// A refusal as programs are told of it: its code and details, what happened, and what to do.
pub(crate) fn told(refusal: &Refusal) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(Told::of(refusal.clone()))
}

fn finished(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_as_they_are_written_and_nothing_beside() {
        let members = vec!["apple".to_owned()];
        let add = Request::Add {
            members,
            file: None,
            receipt: None,
        };
        for request in [Request::Status, add] {
            let line = ask(&request).expect("plain data");
            assert_eq!(hear(&line), Ok(request));
        }
        for bad in [
            r#"{"version":1,"request":{"add":{"members":["apple"],"force":true}}}"#,
            r#"{"version":1,"request":{"admit":{"actor":"../x"}}}"#,
            r#"{"version":1,"request":{"pay":{"actor":"abcd","amount":-1}}}"#,
            r#"{"version":1,"request":{"history":{"last":-1}}}"#,
            r#"{"version":1,"request":"status","force":true}"#,
            r#"{"version":1,"request":"status"} "stop""#,
            r#"{"version":1}"#,
            r#"{"request":"status"}"#,
            r#""status""#,
            "{}",
            "",
        ] {
            let heard = hear(bad.as_bytes());
            assert!(matches!(heard, Err(Refusal::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn what_is_written_in_another_version_is_told_by_its_number_whatever_it_says() {
        let (asked, spoken) = (2, VERSION);
        let heard = hear(br#"{"version":2,"question":["anything"]}"#);
        assert_eq!(heard, Err(Refusal::Version { asked, spoken }));
        let read = Line::read(br#"{"version":2,"answer":7}"#);
        assert!(matches!(read, Err(Unreadable::Version(2))));
    }

    #[test]
    fn a_refusal_has_a_code_and_what_people_are_told() {
        let (len, limit) = (9, 8);
        let answer = Err(Refusal::TooLarge { len, limit });
        let line = Line::last(answer.clone()).write().expect("plain data");
        let value: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
        assert_eq!(value["error"]["code"], "too-large");
        assert_eq!(value["error"]["details"]["limit"], 8);
        assert!(value["error"]["advice"].is_string());
        assert_eq!(Line::read(&line).expect("an answer"), Line::last(answer));
    }
}
