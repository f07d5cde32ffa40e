//! The bytes: golden ones that pin the encoding, and arbitrary ones that no decoder falls over.

use std::sync::Arc;

use crate::common::{Table, add, dot, kinds};
use bft_crdts::Actor;
use bft_crdts::actor::Statement;
use bft_crdts::codec::{self, Bytes, DecodeError, Digest, Limits};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Equivocation, Packet, Proposal, PullRequest, PullResponse, Record, Segment,
};
use bft_crdts::dot::Seq;
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::Genesis;
use bft_crdts::orswot::{Op, State};
use bft_crdts::quorum::Generation;
use quickcheck::{Arbitrary, Gen};
use quickcheck_macros::quickcheck;

/// One of each kind, of fixed values.
pub(crate) fn packets() -> Vec<Packet> {
    let mut table = Table::of(4);
    let source = table.actor(0);
    let [one, other] = [7, 8].map(|member| table.first(0, &[add(source, 1, member)]));
    let certificate = table.certificate(&[0, 1, 2], &one);
    table
        .give(source, 1, Body::Certificate(Arc::clone(&certificate)))
        .expect("a certificate");
    table
        .give(source, 1, Body::Proposal(Arc::clone(&one)))
        .expect("a message");
    let summary = table.summary(1);
    let segment = Segment {
        source,
        proposals: vec![Arc::clone(&one)],
        certificate: Some(Arc::clone(&certificate)),
    };
    let conflict = Conflict {
        left: table.echo(0, &one),
        right: table.echo(0, &other),
    };
    let bodies = [
        Body::Proposal(Arc::clone(&one)),
        Body::Echo(table.echo(1, &one)),
        Body::Certificate(certificate),
        Body::Announce(Arc::clone(&summary)),
        Body::SummaryAck(Arc::clone(&summary)),
        Body::PullRequest(PullRequest {
            summary: Some(Arc::clone(&summary)),
            known: Generation::GENESIS,
            held: [(source, Seq::MAX)].into(),
        }),
        Body::PullResponse(PullResponse {
            proofs: Vec::new(),
            pruned: false,
            segments: vec![segment],
            summary: Some(summary),
        }),
        Body::Evidence(Arc::new(Equivocation::Echo(conflict))),
        Body::Evidence(Arc::new(member_evidence(&table, &one, &other))),
    ];
    // To one who has signed nothing of it.
    let (from, to) = (table.actor(0), table.actor(3));
    let packet = |body| Packet { from, to, body };
    bodies.into_iter().map(packet).collect()
}

fn member_evidence(table: &Table, one: &Proposal, other: &Proposal) -> Equivocation {
    Equivocation::Echo(Conflict {
        left: table.echo(2, one),
        right: table.echo(2, other),
    })
}

/// One of each kind, of fixed values.
fn records() -> Vec<Record> {
    let table = Table::of(4);
    let source = table.actor(0);
    let one = table.first(0, &[add(source, 1, 7)]);
    let other = table.first(0, &[add(source, 1, 8)]);
    vec![
        Record::Queued(Bytes::from(codec::encode(&add(source, 1, 7)))),
        Record::Locked {
            proposal: Arc::clone(&one),
            from_outbox: 3,
        },
        Record::Certified(Segment {
            source,
            proposals: vec![Arc::clone(&one)],
            certificate: Some(table.certificate(&[0, 1, 2], &one)),
        }),
        Record::Delivered(dot(source, 1)),
        Record::Convicted(Arc::new(member_evidence(&table, &one, &other))),
        Record::Silenced,
    ]
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn plain_digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha256::digest(bytes))
}

// ---- golden bytes

/// A packet's bytes in full: who, to whom, kind, then source, number, parent, operations,
/// generation, signature.
#[test]
fn a_proposal_and_an_echo_have_these_very_bytes() {
    let packets = packets();
    assert_eq!(hex(&packets[0].encode()), GOLDEN_PROPOSAL);
    assert_eq!(hex(&packets[1].encode()), GOLDEN_ECHO);
}

#[test]
fn packets_of_each_kind_have_these_bytes() {
    let golden: Vec<_> = packets()
        .iter()
        .map(|packet| {
            let bytes = packet.encode();
            (packet.body.kind(), bytes.len(), plain_digest(&bytes))
        })
        .collect();
    let golden: Vec<_> = golden
        .iter()
        .map(|(k, l, d)| (*k, *l, d.as_str()))
        .collect();
    assert_eq!(golden, GOLDEN_PACKETS);
}

#[test]
fn records_of_each_kind_have_these_bytes() {
    let golden: Vec<_> = records()
        .iter()
        .map(|record| {
            let bytes = codec::encode(record);
            (bytes.len(), plain_digest(&bytes))
        })
        .collect();
    let golden: Vec<_> = golden.iter().map(|(len, d)| (*len, d.as_str())).collect();
    assert_eq!(golden, GOLDEN_RECORDS);
}

#[test]
fn what_is_signed_has_these_digests() {
    let table = Table::of(4);
    let network = table.network();
    let one = table.first(0, &[add(table.actor(0), 1, 7)]);
    let echo = table.echo_of(&one);
    let summary = table.summary(1).statement.clone();
    let digests = [
        network.digest(),
        one.message.digest(&network),
        echo.digest(&network),
        summary.digest(&network),
    ];
    let digests: Vec<_> = digests.iter().map(Digest::to_string).collect();
    assert_eq!(digests, GOLDEN_DIGESTS);
    let genesis = codec::encode(&table.genesis);
    assert_eq!(
        (genesis.len(), plain_digest(&genesis).as_str()),
        GOLDEN_GENESIS
    );
}

// ---- one value, one encoding

#[test]
fn what_is_decoded_is_encoded_as_it_was() {
    let limits = Limits::default();
    for packet in packets() {
        let bytes = packet.encode();
        let decoded = Packet::decode(&bytes, &limits).expect("a packet");
        assert_eq!(decoded, packet);
        assert_eq!(decoded.encode(), bytes);
    }
    for record in records() {
        let bytes = codec::encode(&record);
        assert_eq!(codec::decode::<Record>(&bytes, bytes.len()), Ok(record));
    }
    let genesis = Table::of(4).genesis;
    let bytes = codec::encode(&genesis);
    assert_eq!(codec::decode::<Genesis>(&bytes, bytes.len()), Ok(genesis));
}

/// What a liar or a bad disk makes of good bytes.
#[derive(Clone, Debug)]
pub(crate) enum Harm {
    Flip(usize, u8),
    Cut(usize),
    Extend(Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
    /// Eight bytes that say "as many as can be said".
    Huge(usize, u64),
}

impl Arbitrary for Harm {
    fn arbitrary(g: &mut Gen) -> Self {
        let at = usize::arbitrary(g) % 4096;
        let len = usize::arbitrary(g) % 64;
        let huge = [u64::MAX, u64::MAX / 2, 1 << 40, 1 << 32, 1 << 20, 2, 0];
        match u8::arbitrary(g) % 8 {
            0..=2 => Self::Flip(at, u8::arbitrary(g).max(1)),
            3 => Self::Cut(at),
            4 => Self::Extend(Vec::arbitrary(g)),
            5 => Self::Remove(at, len),
            6 => Self::Repeat(at, len),
            _ => Self::Huge(at, *g.choose(&huge).expect("some")),
        }
    }
}

impl Harm {
    pub(crate) fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len().max(1);
        match self {
            Self::Flip(at, bits) => {
                if let Some(byte) = bytes.get_mut(at % len) {
                    *byte ^= bits;
                }
            }
            Self::Cut(at) => bytes.truncate(at % len),
            Self::Extend(more) => bytes.extend(more),
            Self::Remove(at, count) => {
                let from = (at % len).min(bytes.len());
                let until = (from + count).min(bytes.len());
                bytes.drain(from..until);
            }
            Self::Repeat(at, count) => {
                let from = (at % len).min(bytes.len());
                let until = (from + count).min(bytes.len());
                let again = bytes[from..until].to_vec();
                bytes.splice(from..from, again);
            }
            Self::Huge(at, number) => {
                let from = (at % len).min(bytes.len());
                let until = (from + 8).min(bytes.len());
                bytes.splice(from..until, number.to_le_bytes());
            }
        }
    }
}

/// Decodes as everything that is ever decoded. Whatever decodes has these very bytes.
fn decode_as_anything(bytes: &[u8]) {
    fn check<T: serde::Serialize + serde::de::DeserializeOwned>(bytes: &[u8]) {
        if let Ok(value) = codec::decode::<T>(bytes, 1 << 20) {
            assert_eq!(codec::encode(&value), bytes);
        }
    }
    let limits = Limits::default();
    if let Ok(packet) = Packet::decode(bytes, &limits) {
        assert_eq!(packet.encode(), bytes);
    }
    check::<Record>(bytes);
    check::<Genesis>(bytes);
    check::<Equivocation>(bytes);
    check::<Proposal>(bytes);
    check::<Op<u8>>(bytes);
    check::<Op<String>>(bytes);
    check::<State<String>>(bytes);
    check::<bft_crdts::bank::Op>(bytes);
    if let Ok(ops) = codec::decode_sequence::<Op<u8>>(bytes, 1 << 20, 1024) {
        assert_eq!(codec::encode(&ops), bytes);
    }
}

#[quickcheck]
fn arbitrary_bytes_are_refused_or_are_what_they_encode(bytes: Vec<u8>) {
    decode_as_anything(&bytes);
}

#[quickcheck]
fn harmed_packets_are_refused_or_are_what_they_encode(pick: usize, harms: Vec<Harm>) {
    let packets = PACKETS.get_or_init(packets);
    let mut bytes = packets[pick % packets.len()].encode();
    harms.iter().take(4).for_each(|harm| harm.apply(&mut bytes));
    decode_as_anything(&bytes);
}

static PACKETS: std::sync::OnceLock<Vec<Packet>> = std::sync::OnceLock::new();

#[quickcheck]
fn harmed_records_are_refused_or_are_what_they_encode(pick: usize, harms: Vec<Harm>) {
    let records = records();
    let mut bytes = codec::encode(&records[pick % records.len()]);
    harms.iter().take(4).for_each(|harm| harm.apply(&mut bytes));
    decode_as_anything(&bytes);
}

#[quickcheck]
fn a_replica_takes_harmed_packets_and_accuses_nobody_for_them(pick: usize, harms: Vec<Harm>) {
    let packets = PACKETS.get_or_init(packets);
    // Honest ones only: evidence convicts, as it should.
    let mut bytes = packets[pick % 7].encode();
    harms.iter().take(4).for_each(|harm| harm.apply(&mut bytes));
    let mut table = Table::of(4);
    let Ok(packet) = Packet::decode(&bytes, &Limits::default()) else {
        return;
    };
    // Refused or taken.
    let _ = table.hand_over(packet);
    assert!(
        table
            .replicas
            .iter()
            .all(|replica| replica.convicted().is_empty())
    );
    assert!(table.faults.iter().all(Vec::is_empty));
}

#[test]
fn every_bit_of_a_proposal_an_echo_and_a_certificate_counts() {
    // Flip each bit: the packet is refused, or is only a reason to ask. The addresses and the kind
    // are free.
    let packets = packets();
    for packet in [&packets[0], &packets[1], &packets[2]] {
        let bytes = packet.encode();
        for bit in 0..bytes.len() * 8 {
            let mut harmed = bytes.clone();
            harmed[bit / 8] ^= 1 << (bit % 8);
            let Ok(decoded) = Packet::decode(&harmed, &Limits::default()) else {
                continue;
            };
            assert_ne!(decoded, *packet);
            if bit / 8 < 68 {
                continue;
            }
            let mut table = TABLE
                .with(|table| table.borrow_mut().take())
                .unwrap_or_else(|| Table::of(4));
            let taken = table.hand_over(decoded);
            let silent = table.records.iter().all(Vec::is_empty)
                && table.delivered.iter().all(Vec::is_empty)
                && table.faults.iter().all(Vec::is_empty)
                && kinds(table.wire.make_contiguous())
                    .iter()
                    .all(|kind| *kind == "request");
            assert!(silent, "bit {bit} of a {}", packet.body.kind());
            if taken.is_err() {
                TABLE.with(|place| *place.borrow_mut() = Some(table));
            }
        }
    }
}

thread_local! {
    /// A table that nothing was accepted at: as good as new.
    static TABLE: std::cell::RefCell<Option<Table>> = const { std::cell::RefCell::new(None) };
}

// ---- bounds

#[test]
fn a_packet_over_the_bound_is_refused_by_its_length() {
    let limits = Limits::default();
    let len = limits.packet_bytes as usize + 1;
    let limit = limits.packet_bytes as usize;
    let refused = Packet::decode(&vec![0; len], &limits);
    assert_eq!(refused, Err(DecodeError::TooLong { len, limit }));
}

#[test]
fn huge_lengths_anywhere_in_a_packet_are_refused_at_once() {
    // At every offset, in every kind: were the length believed, this would take all memory there
    // is.
    let limits = Limits::default();
    for packet in packets() {
        let bytes = packet.encode();
        for at in 0..bytes.len().saturating_sub(8) {
            for huge in [u64::MAX, 1 << 62, 1 << 40, 1 << 33] {
                let mut harmed = bytes.clone();
                harmed[at..at + 8].copy_from_slice(&huge.to_le_bytes());
                if let Ok(decoded) = Packet::decode(&harmed, &limits) {
                    assert_eq!(decoded.encode(), harmed);
                }
            }
        }
    }
}

#[test]
fn nothing_on_the_wire_nests() {
    // A decoder that recursed on its input would overflow the stack on long runs of one byte,
    // whatever the byte.
    for byte in 0..=u8::MAX {
        decode_as_anything(&vec![byte; 256 << 10]);
    }
}

#[test]
fn parts_over_their_bounds_are_refused_though_the_packet_is_not() {
    let table = Table::of(4);
    let limits = Limits::default();
    let one = table.first(0, &[add(table.actor(0), 1, 7)]);
    let certificate = table.certificate(&[0, 1, 2], &one);
    let mut wide = (*certificate).clone();
    let signature = wide.signatures[0];
    wide.signatures = vec![signature; limits.seats as usize + 1];
    let wide = Arc::new(wide);
    let many = |count: u32| (0..count).map(|index| numbered(index).0);
    let mut summary = (*table.summary(0)).clone();
    summary.statement.convicted = many(limits.lanes + 1).collect();
    let summary = Arc::new(summary);
    let segment = |count| Segment {
        source: one.message.source,
        proposals: vec![Arc::clone(&one); count],
        certificate: Some(Arc::clone(&certificate)),
    };
    let bodies = [
        Body::Certificate(Arc::clone(&wide)),
        Body::Announce(Arc::clone(&summary)),
        Body::SummaryAck(Arc::clone(&summary)),
        Body::PullRequest(PullRequest {
            summary: Some(Arc::clone(&summary)),
            known: Generation::GENESIS,
            held: [].into(),
        }),
        Body::PullRequest(PullRequest {
            summary: Some(table.summary(0)),
            known: Generation::GENESIS,
            held: many(limits.lanes + 1)
                .map(|actor| (actor, Seq::MAX))
                .collect(),
        }),
        Body::PullResponse(PullResponse {
            proofs: Vec::new(),
            pruned: false,
            segments: vec![segment(1); limits.lanes as usize + 1],
            summary: Some(table.summary(0)),
        }),
        Body::PullResponse(PullResponse {
            proofs: Vec::new(),
            pruned: false,
            segments: vec![segment(limits.segment_messages as usize + 1)],
            summary: Some(table.summary(0)),
        }),
        Body::PullResponse(PullResponse {
            proofs: Vec::new(),
            pruned: false,
            segments: vec![Segment {
                source: one.message.source,
                proposals: vec![],
                certificate: Some(wide),
            }],
            summary: Some(table.summary(0)),
        }),
        Body::PullResponse(PullResponse {
            proofs: Vec::new(),
            pruned: false,
            segments: vec![],
            summary: Some(summary),
        }),
    ];
    for (index, body) in bodies.into_iter().enumerate() {
        let refused = body.check(&limits);
        assert!(
            matches!(refused, Err(DecodeError::TooMany { .. })),
            "{index}"
        );
    }
}

#[test]
fn parts_up_to_their_bounds_are_taken() {
    let table = Table::of(4);
    let mut limits = Limits::default();
    let one = table.first(0, &[add(table.actor(0), 1, 7)]);
    limits.message_bytes = one.message.ops.len() as u32;
    limits.seats = 3;
    let certificate = table.certificate(&[0, 1, 2], &one);
    let mut summary = (*table.summary(0)).clone();
    summary.statement.convicted = (0..limits.lanes).map(|i| numbered(i).0).collect();
    let summary = Arc::new(summary);
    let bodies = [
        Body::Proposal(one),
        Body::Certificate(certificate),
        Body::Announce(summary),
    ];
    for body in &bodies {
        assert_eq!(body.check(&limits), Ok(()), "{body}");
    }
    limits.message_bytes -= 1;
    let (len, limit) = (
        limits.message_bytes as usize + 1,
        limits.message_bytes as usize,
    );
    let over = Err(DecodeError::TooLong { len, limit });
    assert_eq!(bodies[0].check(&limits), over);
}

fn numbered(index: u32) -> (Actor, Seq) {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&index.to_le_bytes());
    (Actor::from_bytes(bytes), Seq::new(1))
}

// ---- what was pinned; change them only with the protocol's version

const GOLDEN_PROPOSAL: &str = "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1000000008139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b39401000000000000004ac2b8632343735d5d0e4da087b43f48e4b3020d1c37b8f79a42e6b0f623469c3d000000000000000100000000000000000000008139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394010000000000000001000000000000000700000000000000001920e6b605bb79a9e753f80aef898631689cfc7129f19e154c76b86d6d5215cb71d71c1f55462d0790a87a5fa2d45c1a5650e827485594152b66802911332701";
const GOLDEN_ECHO: &str = "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d10100000000000000000000008139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b39401000000000000000e3408034a8f548f608077718aacf8742267149420da250e1fda69c67b990f0d8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c6b9a9cc78ca8dd481d5e4c2332ab6acfbb49552dc24ea03f94ea9f63fe4c1c4e80f77c71612101f8fb50eeb0b8e6e9fb7950b4228e0b96dfc2100f7697b22507";
const GOLDEN_PACKETS: &[(&str, usize, &str)] = &[
    (
        "proposal",
        281,
        "ab6f61eb94c6bb91141959bbf9adda498463eb880901a0d109984ea19af65ef2",
    ),
    (
        "echo",
        244,
        "998bef9ab16fcd17d77b21925766a3b372fdd9c4d6e4a47c6a92e572259d73b1",
    ),
    (
        "certificate",
        354,
        "399c217b2759aa7e449b3c453c0aec6973dbb8146a6aeca1e6b5cbf3bdb20bf0",
    ),
    (
        "announce",
        260,
        "9892154d04f0bbfabdc5130ce9e192774b9c12d23b97ac253bee3c87e3b62bf4",
    ),
    (
        "receipt",
        260,
        "faf91a90f7c15f22ecd1b8b0ea111a3fa1f88ec0d9375fdc66bd26bdb1a7a254",
    ),
    (
        "request",
        317,
        "c6d4a4ac973dc8e103f1d2896860f9d666af1a127a28baaf7e7dde016d01a1c7",
    ),
    (
        "answer",
        818,
        "f3d898995ca8b3876efa0098ac2ab80e9894a3813127a3a0fd45057df25d2bcf",
    ),
    (
        "evidence",
        424,
        "95cdc6fb7ebba5cb6ee575454a10284824b2111526ace61f14f34513154917bf",
    ),
    (
        "evidence",
        424,
        "76a278d2da5243097c621b889bfbae05f1b8736e44925d81e7abebfc28619eb2",
    ),
];
const GOLDEN_RECORDS: &[(usize, &str)] = &[
    (
        65,
        "5b49298123dd118db5409971c48a30d8c76bf1e26a270eba9c55b17806dadfa8",
    ),
    (
        221,
        "5bc27104126478abf2bd5402d409bc2952d3e57a0015237e84f456c8871ff5f2",
    ),
    (
        544,
        "a63d2216618fe30f8670f3b9bbb265cea4f07192a1eb788c5f846aa128bcbf0d",
    ),
    (
        44,
        "ff851de003bb1818214eb2471de5af1100d39e145a2b5677d3460a06f7629a89",
    ),
    (
        360,
        "1bd560eb7fc28a1821cb6e28991299a3a3a67ea8275383af0a7bd7257d78a36b",
    ),
    (
        4,
        "2594b6a92ebfb1c3312deb7d01c015fb95e9fbe9bd7bc6b527af07813ec7b910",
    ),
];
const GOLDEN_DIGESTS: &[&str] = &[
    "4ac2b8632343735d5d0e4da087b43f48e4b3020d1c37b8f79a42e6b0f623469c",
    "0e3408034a8f548f608077718aacf8742267149420da250e1fda69c67b990f0d",
    "06203ecfaf63eba4d7de34b8ad9b9176d7379730b90f6febbc8f245f4aed1d23",
    "6a2ec5a68a27d482ea1aefe23564bcd72c33ea6d506e408d8fe9c136a551e21d",
];
const GOLDEN_GENESIS: (usize, &str) = (
    292,
    "19060bdb8ae81a0df4e83a44c036274ae49575e796be2b653c195844eb306ab1",
);
