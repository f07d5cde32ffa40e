//! Lines on the control socket, of either end, and what people type of actors.

use std::collections::BTreeSet;

use bft_crdts::Actor;

use super::super::scene::scenes;
use crate::name::{Contact, Name};
use crate::protocol::{
    self, Account, Answer, Effect, Event, Kind, Line, Place, Refusal, Reply, Request, Told,
    Waiting, Wished, Words,
};

/// Reads `input` as a request, as an answer, and as an actor.
pub fn request(input: &[u8]) {
    if let Ok(request) = protocol::hear(input) {
        let line = protocol::ask(&request).expect("plain data");
        assert!(protocol::hear(one_line(&line)) == Ok(request.clone()));
        let kinds = request.kinds().iter();
        assert!(kinds.clone().all(|kind| !kind.to_string().is_empty()));
        assert!(!request.awaits_delivery() || (kinds.len() > 0 && request.lasts()));
    }
    if let Ok(answered) = Line::read(input) {
        let line = answered.clone().write().expect("plain data");
        let again = Line::read(one_line(&line)).expect("it was written");
        assert!(again == answered, "{line:?}");
        if let Err(refusal) = answered.answer {
            assert!(!refusal.to_string().is_empty());
            assert!(refusal.advice() != Some(""));
        }
    }
    if let Ok(text) = std::str::from_utf8(input) {
        names(text);
    }
}

/// The same, of which the only end of line is the last byte.
fn one_line(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| *byte == b'\n');
    assert!(end == Some(line.len() - 1), "{line:?}");
    line
}

fn names(text: &str) {
    let actors = scenes()[0].table.keys.iter().map(|key| key.actor());
    let known: BTreeSet<Actor> = actors.collect();
    if let Ok(name) = text.parse::<Name>() {
        assert_eq!(name.to_string(), text.to_ascii_lowercase());
        if let Ok(actor) = name.resolve(&known) {
            assert!(actor.to_string().starts_with(&name.to_string()));
            assert!(name.actor() == Some(actor) || known.contains(&actor));
        }
    }
    if let Ok(contact) = text.parse::<Contact>() {
        let (actor, address) = text.split_once('@').expect("there is one");
        assert_eq!(contact.actor.to_string(), actor.to_ascii_lowercase());
        assert_eq!(contact.address.as_str(), address);
    }
}

pub(super) fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let actor = scenes()[0].table.actor(0);
    let name = || Name::from(actor);
    let members = || vec!["apple".to_owned(), "\u{e9}\n\"".to_owned()];
    let change = || Wished::Join { actor: name() };
    let requests = [
        Request::Status,
        Request::Invite { actor: name() },
        Request::Approve { change: change() },
        Request::Add {
            members: members(),
            file: None,
            receipt: None,
        },
        Request::AddMissing { members: members() },
        Request::Open { amount: Some(1) },
        Request::Pay {
            actor: name(),
            amount: u64::MAX,
            reference: Some("invoice 7".to_owned()),
            receipt: None,
        },
        Request::History {
            actor: None,
            last: 1000,
        },
        Request::Balance { actor: None },
        Request::Events {
            since: Some("start".to_owned()),
        },
    ];
    let asked = |request| protocol::ask(request).expect("plain data");
    let answered = |answer| Line::last(answer).write().expect("plain data");
    let mut lines: Vec<Vec<u8>> = requests.iter().map(asked).collect();
    lines.extend(answers(actor.to_string()).into_iter().map(answered));
    lines.push(format!("{actor}@somewhere:4433").into_bytes());
    lines.push(actor.to_string().as_bytes()[..4].to_vec());
    let seed = |(number, line)| ("request", format!("line-{number}"), line);
    lines.into_iter().enumerate().map(seed).collect()
}

fn answers(actor: String) -> Vec<Answer> {
    let place = || Place {
        source: actor.clone(),
        seq: 1,
    };
    let account = Account {
        owner: actor.clone(),
        balance: 7,
    };
    let waiting = Waiting {
        place: place(),
        why: "2 of 3 echoes are here".to_owned(),
        missing: vec![actor.clone()],
    };
    let delivered = Event::Delivered {
        place: place(),
        ops: vec![Effect::Add {
            members: vec!["apple".to_owned()],
        }],
    };
    let told = |event| Told {
        cursor: "start".to_owned(),
        time: Some("2026-11-30T23:59:59.000Z".to_owned()),
        event,
    };
    let fault = Event::Fault {
        kind: "equivocation".to_owned(),
        accused: Some(actor.clone()),
        words: "two".to_owned(),
    };
    vec![
        Ok(Reply::Done),
        Ok(Reply::Delivered(place())),
        Ok(Reply::Why(vec![waiting])),
        Ok(Reply::List(vec!["apple".to_owned()])),
        Ok(Reply::Balance(account)),
        Ok(Reply::Words(Words::default())),
        Ok(Reply::Event(told(delivered))),
        Ok(Reply::Event(told(fault))),
        Ok(Reply::Event(told(Event::Missed { events: 3 }))),
        Err(Refusal::OtherKind(Kind::Set)),
        Err(Refusal::TooLarge { len: 9, limit: 8 }),
        Err(Refusal::Unknown(actor)),
    ]
}
