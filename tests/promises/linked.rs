//! A packet on a link: shorter, and as canonical.

use crate::wire::{Harm, hex, packets};
use bft_crdts::Actor;
use bft_crdts::codec::{self, Bytes, DecodeError, Limits};
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, SnapshotPart};
use bft_crdts::quorum::Generation;
use quickcheck_macros::quickcheck;

fn decode(bytes: &[u8], from: Actor, to: Actor) -> Result<Packet, DecodeError> {
    Packet::decode_linked(bytes, from, to, &Limits::default())
}

/// Whatever decodes has these very bytes.
fn decode_between(bytes: &[u8], from: Actor, to: Actor) {
    if let Ok(packet) = decode(bytes, from, to) {
        assert_eq!((packet.from, packet.to), (from, to));
        assert_eq!(packet.encode_linked(), bytes);
    }
}

/// The packet on the link on which a correct member says such: a message and its certificate from
/// their source, an echo from its signer to the source.
fn on_its_link(mut packet: Packet) -> Packet {
    match &packet.body {
        Body::Proposal(proposal) => packet.from = proposal.message.source,
        Body::Certificate(certificate) => packet.from = certificate.statement.dot.source,
        Body::Echo(echo) => (packet.from, packet.to) = (echo.signer, echo.statement.dot.source),
        _ => {}
    }
    packet
}

#[test]
fn an_echo_to_its_source_has_these_very_bytes() {
    let echo = on_its_link(packets().swap_remove(1));
    let Body::Echo(said) = &echo.body else {
        panic!("an echo");
    };
    // Kind, generation, number, digest, signature.
    let told = [
        "01000000",
        "0000000000000000",
        "0100000000000000",
        &hex(said.statement.digest.as_bytes()),
        &hex(said.sig.as_bytes()),
    ];
    assert_eq!(hex(&echo.encode_linked()), told.concat());
}

#[test]
fn packets_of_each_kind_have_so_many_bytes_on_a_link_and_come_out_as_they_went_in() {
    let lens: Vec<_> = packets()
        .into_iter()
        .map(|packet| {
            let packet = on_its_link(packet);
            let bytes = packet.encode_linked();
            assert_eq!(decode(&bytes, packet.from, packet.to), Ok(packet.clone()));
            (packet.body.kind(), packet.encode().len(), bytes.len())
        })
        .collect();
    assert_eq!(lens, LENS);
}

#[test]
fn what_is_said_between_others_is_said_in_full() {
    for packet in packets().into_iter().map(on_its_link) {
        let (body, full) = (packet.body.clone(), codec::encode(&packet.body));
        let full = [&[3, 0, 0, 0][..], &full].concat();
        let short = packet.encode_linked();
        let [from, to] = [8, 9].map(|byte| Actor::from_bytes([byte; 32]));
        let between = Packet { from, to, body };
        assert_eq!(between.encode_linked(), full);
        assert_eq!(decode(&full, from, to), Ok(between));
        // And on its own link only if it has no shorter form.
        let told = decode(&full, packet.from, packet.to);
        match short == full {
            true => assert_eq!(told, Ok(packet)),
            false => assert_eq!(told, Err(DecodeError::NotCanonical)),
        }
    }
}

#[test]
fn the_longest_packet_of_a_network_has_room_on_a_link_and_a_longer_frame_is_refused() {
    let [from, to] = [8, 9].map(|byte| Actor::from_bytes([byte; 32]));
    let (mut limits, bytes) = (Limits::default(), Bytes::from(vec![7; 10_000]));
    let body = Body::Snapshot {
        generation: Generation::GENESIS,
        part: SnapshotPart::Chunk { index: 1, bytes },
    };
    let packet = Packet { from, to, body };
    limits.packet_bytes = u32::try_from(packet.encode().len()).expect("short");
    let decoded = Packet::decode_linked(&packet.encode_linked(), from, to, &limits);
    assert_eq!(decoded, Ok(packet));
    let limit = limits.packet_bytes as usize;
    let refused = Packet::decode_linked(&vec![0; limit + 1], from, to, &limits);
    let len = limit + 1;
    assert_eq!(refused, Err(DecodeError::TooLong { len, limit }));
}

#[test]
fn huge_lengths_anywhere_on_a_link_are_refused_at_once() {
    for packet in packets().into_iter().map(on_its_link) {
        let bytes = packet.encode_linked();
        for at in 0..bytes.len().saturating_sub(8) {
            for huge in [u64::MAX, 1 << 62, 1 << 40, 1 << 33] {
                let mut harmed = bytes.clone();
                harmed[at..at + 8].copy_from_slice(&huge.to_le_bytes());
                decode_between(&harmed, packet.from, packet.to);
            }
        }
    }
}

#[test]
fn nothing_on_a_link_nests() {
    let ends = [8, 9].map(|byte| Actor::from_bytes([byte; 32]));
    for byte in 0..=u8::MAX {
        decode_between(&vec![byte; 256 << 10], ends[0], ends[1]);
    }
}

#[quickcheck]
fn arbitrary_bytes_on_a_link_are_refused_or_are_what_they_encode(bytes: Vec<u8>) {
    let ends = [8, 9].map(|byte| Actor::from_bytes([byte; 32]));
    decode_between(&bytes, ends[0], ends[1]);
}

#[quickcheck]
fn harmed_packets_on_a_link_are_refused_or_are_what_they_encode(pick: usize, harms: Vec<Harm>) {
    let packets = PACKETS.get_or_init(|| packets().into_iter().map(on_its_link).collect());
    let packet = &packets[pick % packets.len()];
    let mut bytes = packet.encode_linked();
    harms.iter().take(4).for_each(|harm| harm.apply(&mut bytes));
    decode_between(&bytes, packet.from, packet.to);
}

static PACKETS: std::sync::OnceLock<Vec<Packet>> = std::sync::OnceLock::new();

/// On the link of most such packets they lose their ends; a message, its echo and its certificate
/// another key or two.
const LENS: &[(&str, usize, usize)] = &[
    ("proposal", 281, 185),
    ("echo", 244, 116),
    ("certificate", 354, 258),
    ("announce", 260, 200),
    ("receipt", 260, 200),
    ("request", 317, 257),
    ("answer", 818, 758),
    ("evidence", 424, 364),
    ("evidence", 424, 364),
];
