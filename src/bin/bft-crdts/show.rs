//! Answers as people read them. Texts of other actors are written so that they cannot steer a
//! terminal.

pub(crate) mod proof;
mod status;

use serde_json::{Value, json};
use status::{member, status};

use crate::protocol::{
    BankRules, Echoing, Effect, Event, Health, History, Operation, Paid, Payment, Place, Reply,
    State, Told, Unreached, Waiting, Wish, Wished,
};

/// Digits by which an actor is told from the others; as many as the library writes.
const SHORT: usize = 6;
/// Characters by which an operation is shown, at most.
const LABEL: usize = 40;

/// The beginning of an actor's name.
pub(crate) fn short(actor: &str) -> &str {
    actor.get(..SHORT).unwrap_or(actor)
}

/// Whether a character moves the cursor, turns the direction of what follows, or cannot be seen:
/// Unicode's `Default_Ignorable_Code_Point` and `Bidi_Control`, and blanks that are not the space.
pub(crate) fn steers(c: char) -> bool {
    let ignorable = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    );
    let blank = c.is_whitespace() && c != ' ' || c == '\u{2800}';
    c.is_control() || ignorable || blank
}

/// A text without control characters, in which different texts look different.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        // A text that looks like what was escaped is not what was escaped.
        if c == '\\' || steers(c) {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    plain
}

/// The answer for programs: one line of JSON, in which what would steer a terminal is escaped.
pub(crate) fn machine(reply: &Reply) -> String {
    let value = match serde_json::to_value(reply) {
        Ok(Value::Object(tagged)) => tagged.into_iter().next().map_or(Value::Null, |(_, it)| it),
        _ => json!({ "done": true }),
    };
    line(&value)
}

/// JSON in one line, in which what would steer a terminal is escaped.
pub(crate) fn line(value: &Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        match steers(c) {
            // It stands in a text: nowhere else does JSON have any of them.
            true => line.extend(
                c.encode_utf16(&mut [0; 2])
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}")),
            ),
            false => line.push(c),
        }
    }
    line
}

/// The answer for people: nothing, or some lines without the last end of line.
pub(crate) fn human(reply: &Reply) -> String {
    match reply {
        Reply::Done => "done".to_owned(),
        Reply::Approved { approvals, quorum } if approvals < quorum => {
            format!("approved: {approvals} of {quorum} approvals")
        }
        Reply::Approved { quorum, .. } => {
            format!("approved: all of {quorum} approvals; the members change")
        }
        Reply::Changed(count) => format!("{count} changed"),
        Reply::Delivered(place) => format!("delivered {}", dot(place)),
        Reply::Taken(it) | Reply::Operation(it) => outcome(it),
        Reply::Payment(it) => payment(it),
        Reply::Pending(waiting) if waiting.is_empty() => "nothing waits".to_owned(),
        Reply::Pending(waiting) => lines(waiting.iter().map(operation)),
        Reply::History(it) => history(it),
        Reply::Status(it) => status(it),
        Reply::Members(members) => lines(members.iter().map(member)),
        Reply::Why(held) if held.is_empty() => {
            "nothing is held: all that is known here is delivered".to_owned()
        }
        Reply::Why(held) => lines(held.iter().map(waiting)),
        Reply::Invitation(text) => text.clone(),
        Reply::Requests(wishes) if wishes.is_empty() => "nothing waits for approval".to_owned(),
        Reply::Requests(wishes) => lines(wishes.iter().map(wish)),
        Reply::List(members) => lines(members.iter().map(|member| plain(member))),
        Reply::Balance(account) => account.balance.to_string(),
        Reply::Number(number) => number.to_string(),
        Reply::Value(value) => plain(value),
        Reply::Puts(puts) => lines(
            puts.iter()
                // No text has a tab once it is plain.
                .map(|put| format!("{}\t{}", plain(&put.key), plain(&put.value))),
        ),
        Reply::Accounts(accounts) => {
            let line = |it: &crate::protocol::Account| format!("{} {}", it.owner, it.balance);
            lines(accounts.iter().map(line))
        }
        Reply::Rules(it) => rules(it),
        Reply::Evidence(files) if files.is_empty() => "nobody is convicted".to_owned(),
        Reply::Evidence(files) => {
            let line = |it: &crate::protocol::Evidence| format!("{} {}", it.accused, it.file);
            lines(files.iter().map(line))
        }
        Reply::Snapshot(it) => format!(
            "the state with which generation {} of network {} began is in {}",
            it.generation, it.network, it.file
        ),
        // Whoever asked for it writes it into a file, and tells that.
        Reply::Proof(it) => it.digits.clone(),
        Reply::Event(it) => told(it),
        Reply::Health(it) => health(it),
        Reply::Words(words) => {
            let words = words.actors.iter().chain(&words.members);
            lines(words.map(|word| plain(word)))
        }
    }
}

/// What happened and when, in a line.
fn told(it: &Told) -> String {
    match &it.time {
        Some(time) => format!("{time} {}", event(&it.event)),
        None => event(&it.event),
    }
}

/// What happened, in a line.
pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::Following => "following".to_owned(),
        Event::Delivered { place, ops } => {
            let ops: Vec<_> = ops.iter().map(effect).collect();
            format!("delivered {}: {}", dot(place), ops.join(" "))
        }
        Event::Forgotten { source, from, to } => {
            format!(
                "{}.{from} to {to} are no longer kept: the state has what they did",
                short(source)
            )
        }
        Event::Fault { accused, words, .. } => match accused {
            // Whole: anybody can make a key that begins like another one, to be taken for it.
            Some(accused) => format!("{accused} lies: {words}"),
            None => format!("fault: {words}"),
        },
        Event::Installed {
            generation,
            seated,
            by_snapshot,
        } => {
            let seat = if *seated {
                "with a seat"
            } else {
                "without a seat"
            };
            let how = if *by_snapshot {
                ", from a snapshot"
            } else {
                ""
            };
            format!("generation {generation} begins here, {seat}{how}")
        }
        Event::Left => "the members have all that this node has: it may be switched off".to_owned(),
        Event::Asked { change } => match change {
            Wished::Join { actor } => format!("somebody asks to be let in: `admit {actor}`"),
            Wished::Leave { actor } => {
                let actor = actor.to_string();
                format!("{actor} is to leave: `expel {}`", short(&actor))
            }
            Wished::Renew => "a new generation is wished for: `renew`".to_owned(),
        },
        Event::Missed { events } => format!("{events} events were missed"),
        Event::FaultsMissed { faults } => {
            format!("{faults} faults were missed: `status` names who is convicted")
        }
    }
}

fn rules(it: &BankRules) -> String {
    let issuer = match &it.issuer {
        Some(issuer) => format!("all money is issued by {issuer}"),
        None => "anybody may open an account with money".to_owned(),
    };
    let opening = format!("this node opens its account with {} at most", it.opening);
    let floor = format!(
        "no payment leaves less than {} on the payer's account",
        it.floor
    );
    let payment = format!("one payment moves {} at most", it.payment);
    let issued = format!("{} are issued so far", it.issued);
    [issuer, opening, floor, payment, issued].join("\n")
}

fn payment(it: &Payment) -> String {
    let paid = it
        .paid
        .as_ref()
        .map(|Paid { to, amount }| format!(", {amount} to {to}"));
    let place = &it.place;
    let (state, under) = (state(it.state), under(it.reference.as_ref()));
    format!("payment {place} {state}{}{under}", paid.unwrap_or_default())
}

fn state(it: State) -> &'static str {
    match it {
        State::Pending => "pending",
        State::Accepted => "accepted",
    }
}

fn under(reference: Option<&String>) -> String {
    let under = reference.map(|text| format!(", under {}", plain(text)));
    under.unwrap_or_default()
}

/// What became of an operation. A payment has a place of its own.
fn outcome(it: &Operation) -> String {
    let state = state(it.state);
    match &it.operation {
        Some(Effect::Pay {
            payment,
            to,
            amount,
            reference,
        }) => {
            let under = under(reference.as_ref());
            format!("payment {payment} {state}, {amount} to {to}{under}")
        }
        Some(known) => format!(
            "operation {} {state}: {}",
            operation_place(it),
            effect(known)
        ),
        None => format!(
            "operation {} {state}, and no longer kept",
            operation_place(it)
        ),
    }
}

fn operation_place(it: &Operation) -> String {
    match it.index {
        0 => dot(&it.place),
        index => format!("{}#{}", dot(&it.place), u64::from(index) + 1),
    }
}

fn operation(it: &Operation) -> String {
    let payment = match &it.operation {
        Some(Effect::Pay { payment, .. }) => format!(", payment {payment}"),
        _ => String::new(),
    };
    let effect = it.operation.as_ref().map(effect).unwrap_or_default();
    format!("{} {effect}{payment}", operation_place(it))
}

/// What an operation does, in a word or two: people are shown the beginning of what is long.
fn effect(it: &Effect) -> String {
    let shown = match it {
        Effect::Add { members } => format!("+{}", some(members)),
        Effect::Remove { members } => format!("-{}", some(members)),
        Effect::Open { amount } => format!("open {amount}"),
        Effect::Pay { to, amount, .. } => format!("pay {} {amount}", short(to)),
        Effect::Incr { amount } => format!("{amount:+}"),
        Effect::Put { key, value } => format!("{key}={value}"),
        Effect::Delete { key } => format!("-{key}"),
        Effect::Insert { text } => format!("+{text}"),
        Effect::Shorten { count } => format!("-{count}"),
    };
    match shown.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}…", plain(&shown[..end])),
        None => plain(&shown),
    }
}

/// The first members of many.
fn some(members: &[String]) -> String {
    let some: Vec<_> = members.iter().take(LABEL).map(String::as_str).collect();
    some.join(",")
}

fn history(it: &History) -> String {
    let Some(since) = &it.since else {
        return "nothing is kept".to_owned();
    };
    let since = format!("kept since {}", dot(since));
    lines(it.operations.iter().map(operation).chain([since]))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

fn dot(place: &Place) -> String {
    format!("{}.{}", short(&place.source), place.seq)
}

/// So many seconds, in the unit that tells most.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn health(it: &Health) -> String {
    let echoing = it.committee.iter().map(echoing);
    let findings = it.findings.iter().map(|finding| plain(&finding.words));
    lines(echoing.chain(findings))
}

/// How many members echo, and what it would take to stop everything.
fn echoing(it: &Echoing) -> String {
    let Echoing {
        echo,
        members,
        quorum,
    } = it;
    let spare = match echo.checked_sub(*quorum) {
        None => "too few".to_owned(),
        Some(0) => "one more loss stops everything".to_owned(),
        Some(spare) => format!("{spare} may be lost before everything stops"),
    };
    format!("{echo} of {members} echo, a quorum is {quorum}: {spare}")
}

fn unreached(it: &Unreached) -> String {
    match &it.address {
        Some(address) => format!(
            "; not reached at {}: {}",
            plain(address.as_str()),
            plain(&it.why)
        ),
        None => format!("; not reached: {}", plain(&it.why)),
    }
}

fn waiting(it: &Waiting) -> String {
    format!("{} waits: {}", dot(&it.place), it.why)
}

fn wish(it: &Wish) -> String {
    let change = match &it.change {
        Wished::Join { actor } => format!("join {actor}"),
        Wished::Leave { actor } => format!("leave {actor}"),
        Wished::Renew => "renew".to_owned(),
    };
    let approvals = format!("{} of {} approvals", it.approved_by.len(), it.quorum);
    let waits = if it.waits { ", waits for yours" } else { "" };
    format!("{change}: {approvals}{waits}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Member;
    use crate::protocol::Put;

    #[test]
    fn texts_of_others_cannot_steer_a_terminal() {
        let hostile = "a\u{1b}[2Jb\r\u{9b}c".to_owned();
        let shown = human(&Reply::List(vec![hostile]));
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
    }

    #[test]
    fn different_texts_look_different() {
        let unseen = [
            "\u{200b}",
            "\u{202e}",
            "\u{e0061}",
            "\u{3164}",
            "\u{a0}",
            "\u{2800}",
        ];
        let mut texts = ["a\\nb", "a\nb", "a\\\\nb", "ab", "a b"]
            .map(str::to_owned)
            .to_vec();
        texts.extend(unseen.map(|unseen| format!("a{unseen}b")));
        let shown = texts
            .iter()
            .map(|text| human(&Reply::List(vec![text.clone()])));
        let shown: Vec<_> = shown.collect();
        let different: std::collections::BTreeSet<_> = shown.iter().collect();
        assert_eq!(different.len(), texts.len(), "{shown:?}");
        assert_eq!(shown[1], "a\\nb");
        for text in &shown[5..] {
            assert!(text.contains('\\'), "{text:?}");
        }
    }

    #[test]
    fn a_key_and_its_value_are_told_from_another_key_and_value() {
        let shown = [("a b", "c"), ("a", "b c")].map(|(key, value)| {
            let (key, value) = (key.to_owned(), value.to_owned());
            human(&Reply::Puts(vec![Put { key, value }]))
        });
        assert_ne!(shown[0], shown[1]);
    }

    #[test]
    fn a_member_that_has_not_spoken_is_not_called_level() {
        let silent = Member {
            actor: "ab".repeat(32),
            this: false,
            address: None,
            linked: false,
            generation: None,
            lacks: None,
            leads: None,
            heard_seconds: None,
            heard_at: None,
            owes_seconds: None,
            unreached: vec![Unreached {
                address: "there:1".parse().ok(),
                why: "nobody answers there".to_owned(),
            }],
        };
        let shown = human(&Reply::Members(vec![silent.clone()]));
        let told = "not heard of; not reached at there:1: nobody answers there";
        assert!(shown.ends_with(told), "{shown}");
        let passed_on = Member {
            lacks: Some(0),
            leads: Some(0),
            ..silent.clone()
        };
        let shown = human(&Reply::Members(vec![passed_on.clone()]));
        assert!(!shown.contains("level"), "{shown}");
        let heard = Member {
            heard_seconds: Some(7300),
            owes_seconds: Some(130),
            ..passed_on
        };
        let shown = human(&Reply::Members(vec![heard]));
        let told = "level, heard 2 h ago, has not echoed for 2 min; not reached at ";
        assert!(shown.contains(told), "{shown}");
    }

    #[test]
    fn who_asks_to_be_let_in_is_named_with_all_digits() {
        let digits = "ab".repeat(32);
        let actor = digits.parse().expect("a name");
        let change = Wished::Join { actor };
        let told = event(&Event::Asked { change });
        assert!(told.ends_with(&format!("`admit {digits}`")), "{told}");
    }

    /// Or a liar makes a key that begins like that of a correct member, and that one is expelled.
    #[test]
    fn who_lies_is_named_with_all_digits() {
        let digits = "ab".repeat(32);
        let told = event(&Event::Fault {
            kind: "equivocation".to_owned(),
            accused: Some(digits.clone()),
            words: "voted twice".to_owned(),
        });
        assert_eq!(told, format!("{digits} lies: voted twice"));
    }

    #[test]
    fn programs_get_the_answer_without_its_name() {
        let list = Reply::List(vec!["a".to_owned()]);
        assert_eq!(machine(&list), "[\"a\"]");
        assert_eq!(machine(&Reply::Done), "{\"done\":true}");
    }

    #[test]
    fn texts_for_programs_are_the_same_texts_and_cannot_steer_a_terminal() {
        let hostile = "a\u{9b}2J\u{7f}\u{202e}\u{e0061}\u{1b}\"\\".to_owned();
        let line = machine(&Reply::List(vec![hostile.clone()]));
        assert!(!line.chars().any(steers), "{line:?}");
        let read: Vec<String> = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read, [hostile]);
    }
}
