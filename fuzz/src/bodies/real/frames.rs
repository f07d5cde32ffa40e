//! What one actor says on a link: arbitrary bytes, and frames of real packets, cut and harmed.

use std::collections::{BTreeMap, BTreeSet};

use bft_crdts::codec::encode;
use bft_crdts::node::fuzz::{Ends, Heard, overhear};
use bft_crdts::node::{Address, LinkError};

use super::super::edit::{edit, flip, renumber};
use super::super::scene::{LIAR, Scene, limits, scenes};
use super::super::script::Script;
use super::super::sign::Pen;

/// Frames in one script.
const FRAMES: usize = 8;

/// Says `input` over a link, and then what the script in it says.
pub fn frames(input: &[u8]) {
    listen(input);
    let mut script = Script::new(input);
    let scene = &scenes()[script.below(scenes().len())];
    let said = say(&mut script, scene);
    listen(&said);
}

/// The liar speaks to the first member.
fn ends(seated: bool) -> Ends {
    let actor = |seat| scenes()[0].table.actor(seat);
    let (from, to) = (actor(LIAR), actor(0));
    Ends { from, to, seated }
}

fn listen(bytes: &[u8]) {
    let hear = |seated| overhear(bytes, &limits(), ends(seated));
    let (heard, end) = hear(true);
    let (asked, refused) = hear(false);
    // What is heard are the very bytes that were said, up to the first that may not be.
    let words: Vec<u8> = heard.iter().flat_map(frame).collect();
    assert!(bytes.starts_with(&words));
    assert_eq!(words.len() == bytes.len(), end.is_ok(), "{end:?}");
    // Of one without a seat short questions are heard, and the rest is passed over.
    let questions: Vec<_> = heard.iter().filter(|heard| asks(heard)).cloned().collect();
    match end {
        Ok(()) => assert!(asked == questions && refused.is_ok(), "{refused:?}"),
        Err(_) => assert!(asked.starts_with(&questions)),
    }
    heard.iter().chain(&asked).for_each(judge);
    assert!(asked.iter().all(asks));
    let greetings = heard.iter().filter(|heard| packet(heard).is_none());
    assert!(greetings.count() <= 1);
    for error in [end, refused].into_iter().filter_map(Result::err) {
        assert!(!matches!(error, LinkError::Unreachable), "{error}");
    }
}

fn packet(heard: &Heard) -> Option<&bft_crdts::deterministic_secure_broadcast::Packet> {
    match heard {
        Heard::Packet(packet) => Some(packet),
        Heard::Greeting(..) => None,
    }
}

/// Whether one without a seat may say it: a question, in as many bytes as a lawful one has.
fn asks(heard: &Heard) -> bool {
    let words = ["request", "fetch", "enter", "announce", "recall"];
    let most = 4 + 4096 + 160 * limits().lanes as usize;
    packet(heard)
        .is_none_or(|packet| words.contains(&packet.body.kind()) && frame(heard).len() <= most)
}

fn judge(heard: &Heard) {
    match heard {
        Heard::Packet(packet) => {
            assert_eq!((packet.from, packet.to), (ends(true).from, ends(true).to));
        }
        Heard::Greeting(address, book, guests) => {
            let mut addresses = book.values().chain(address).map(Address::as_str);
            let line = |address: &str| address.lines().count() == 1 && address.len() <= 255;
            assert!(book.len() <= 1024 && guests.len() <= 16 && addresses.all(line));
        }
    }
}

/// A frame in the words of the wire: its length, and what it says.
fn frame(heard: &Heard) -> Vec<u8> {
    let frame = match heard {
        Heard::Greeting(address, book, guests) => encode(&(address, book, guests)),
        Heard::Packet(packet) => packet.encode_linked(),
    };
    let len = u32::try_from(frame.len()).expect("frames are short");
    [&len.to_le_bytes()[..], &frame].concat()
}

fn say(script: &mut Script<'_>, scene: &Scene) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..FRAMES {
        if script.is_over() {
            break;
        }
        // A greeting comes first, and a second one is none.
        let greets = script.below(8) < if bytes.is_empty() { 7 } else { 1 };
        let said = match greets {
            true => Some(greeting(script, scene)),
            false => lie(script, scene),
        };
        bytes.extend(said.iter().flat_map(frame));
    }
    match script.below(8) {
        0 => flip(script, &mut bytes),
        1 => renumber(script, &mut bytes),
        2 => bytes.truncate(script.below(bytes.len() + 1)),
        _ => {}
    }
    bytes
}

fn greeting(script: &mut Script<'_>, scene: &Scene) -> Heard {
    let address = |script: &mut Script<'_>| -> Address {
        let host = "a".repeat(1 + script.below(250));
        format!("{host}:1").parse().expect("an address")
    };
    let own = (script.below(2) > 0).then(|| address(script));
    let keys = scene.table.keys.iter().take(script.below(4));
    let known = keys.map(|key| (key.actor(), address(script)));
    let known = known.collect::<BTreeMap<_, _>>();
    let guests = scene.table.keys.iter().take(script.below(4));
    let guests = guests.map(|key| key.actor());
    Heard::Greeting(own, known, guests.collect::<BTreeSet<_>>())
}

/// A packet of the run in the liar's name, mostly.
fn lie(script: &mut Script<'_>, scene: &Scene) -> Option<Heard> {
    let mut packet = script.pick(&scene.pool)?.clone();
    let (table, ends) = (&scene.table, ends(true));
    if script.below(8) > 0 {
        (packet.from, packet.to) = (ends.from, ends.to);
    }
    if script.below(2) > 0 {
        let committee = table.replicas[0].committee();
        let pen = Pen::new(&table.keys[LIAR], table.network(), committee);
        packet = edit(script, scene, &pen, packet);
    }
    Some(Heard::Packet(packet))
}

/// A greeting, and after it one packet of each kind.
pub(super) fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let (ends, pool) = (ends(true), scenes().iter().flat_map(|scene| &scene.pool));
    let address = |text: &str| text.parse::<Address>().expect("an address");
    let own = Some(address("localhost:4433"));
    let others = [(ends.to, address("somewhere:4433"))].into();
    let greeting = Heard::Greeting(own, others, [ends.from].into());
    let greeting = frame(&greeting);
    let mut kinds: BTreeMap<&str, Vec<u8>> = [("greeting", greeting.clone())].into();
    for packet in pool {
        let mut packet = packet.clone();
        (packet.from, packet.to) = (ends.from, ends.to);
        kinds
            .entry(packet.body.kind())
            .or_insert_with(|| [greeting.clone(), frame(&Heard::Packet(packet))].concat());
    }
    let seed = |(kind, bytes): (&str, _)| ("frames", format!("frame-{kind}"), bytes);
    kinds.into_iter().map(seed).collect()
}
