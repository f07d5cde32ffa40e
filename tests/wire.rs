//! The bytes: golden ones that pin the encoding, and arbitrary ones that no decoder falls over.

mod common;

use std::sync::Arc;

use bft_crdts::Actor;
use bft_crdts::actor::Statement;
use bft_crdts::codec::{self, Bytes, DecodeError, Digest, Limits};
use bft_crdts::deterministic_secure_broadcast::{
    Answer, Body, Chunk, Equivocation, Packet, Proposal, Record, Request,
};
use bft_crdts::dot::{Binding, Seq};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{Generation, Genesis};
use bft_crdts::orswot::{Op, State};
use common::{Table, add, dot, kinds};
use quickcheck::{Arbitrary, Gen};
use quickcheck_macros::quickcheck;

/// One of each kind, of fixed values.
fn packets() -> Vec<Packet> {
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
    let standing = table.standing(1);
    let chunk = Chunk {
        source,
        proposals: vec![Arc::clone(&one)],
        certificate: Some(Arc::clone(&certificate)),
    };
    let conflict = Conflict {
        left: table.binding(0, &one.message),
        right: table.binding(0, &other.message),
    };
    let bodies = [
        Body::Proposal(Arc::clone(&one)),
        Body::Echo(table.echo(1, &one)),
        Body::Certificate(certificate),
        Body::Announce(Arc::clone(&standing)),
        Body::Receipt(Arc::clone(&standing)),
        Body::Request(Request {
            standing: Arc::clone(&standing),
            known: Generation::GENESIS,
            held: [(source, Seq::MAX)].into(),
        }),
        Body::Answer(Answer {
            foundings: Vec::new(),
            pruned: false,
            chunks: vec![chunk],
            standing,
        }),
        Body::Evidence(Arc::new(Equivocation::Source(conflict))),
        Body::Evidence(Arc::new(member_evidence(&table, &one, &other))),
    ];
    // To one who has signed nothing of it.
    let (from, to) = (table.actor(0), table.actor(3));
    let packet = |body| Packet { from, to, body };
    bodies.into_iter().map(packet).collect()
}

fn member_evidence(table: &Table, one: &Proposal, other: &Proposal) -> Equivocation {
    Equivocation::Member(Conflict {
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
        Record::Certified(Chunk {
            source,
            proposals: vec![Arc::clone(&one)],
            certificate: Some(table.certificate(&[0, 1, 2], &one)),
        }),
        Record::Delivered(dot(source, 1)),
        Record::Convicted(Arc::new(member_evidence(&table, &one, &other))),
        Record::Silenced,
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn plain_digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha256::digest(bytes))
}

// ---- golden bytes

/// A packet's bytes in full: who, to whom, kind, then source, number, parent, operations, signature.
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
    let binding = Binding {
        dot: echo.dot,
        digest: echo.digest,
    };
    let standing = table.standing(1).statement.clone();
    let digests = [
        network.digest(),
        one.message.digest(&network),
        binding.digest(&network),
        echo.digest(&network),
        standing.digest(&network),
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
enum Harm {
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
    fn apply(&self, bytes: &mut Vec<u8>) {
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
    // Flip each bit: the packet is refused, or is only a reason to ask. The addresses and the kind are free.
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
    // At every offset, in every kind: were the length believed, this would take all memory there is.
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
    // A decoder that recursed on its input would overflow the stack on long runs of one byte, whatever the byte.
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
    let mut standing = (*table.standing(0)).clone();
    standing.statement.convicted = many(limits.lanes + 1).collect();
    let standing = Arc::new(standing);
    let chunk = |count| Chunk {
        source: one.message.source,
        proposals: vec![Arc::clone(&one); count],
        certificate: Some(Arc::clone(&certificate)),
    };
    let bodies = [
        Body::Certificate(Arc::clone(&wide)),
        Body::Announce(Arc::clone(&standing)),
        Body::Receipt(Arc::clone(&standing)),
        Body::Request(Request {
            standing: Arc::clone(&standing),
            known: Generation::GENESIS,
            held: [].into(),
        }),
        Body::Request(Request {
            standing: table.standing(0),
            known: Generation::GENESIS,
            held: many(limits.lanes + 1)
                .map(|actor| (actor, Seq::MAX))
                .collect(),
        }),
        Body::Answer(Answer {
            foundings: Vec::new(),
            pruned: false,
            chunks: vec![chunk(1); limits.lanes as usize + 1],
            standing: table.standing(0),
        }),
        Body::Answer(Answer {
            foundings: Vec::new(),
            pruned: false,
            chunks: vec![chunk(limits.chunk_messages as usize + 1)],
            standing: table.standing(0),
        }),
        Body::Answer(Answer {
            foundings: Vec::new(),
            pruned: false,
            chunks: vec![Chunk {
                source: one.message.source,
                proposals: vec![],
                certificate: Some(wide),
            }],
            standing: table.standing(0),
        }),
        Body::Answer(Answer {
            foundings: Vec::new(),
            pruned: false,
            chunks: vec![],
            standing,
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

fn numbered(index: u32) -> (Actor, Seq) {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&index.to_le_bytes());
    (Actor::from_bytes(bytes), Seq::new(1))
}

// ---- what was pinned; change them only with the protocol's version

const GOLDEN_PROPOSAL: &str = "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1000000008139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b39401000000000000004ef91bbf7c17ea21e1f2182097c7ea44b5049876b62b9214a09da5e746c239be3d000000000000000100000000000000000000008139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b3940100000000000000010000000000000007b8d506efe5f1dbb55cbb49614eb2c5393fb83073b6d4bb9685820f582baaea45d9755bda6e036b3c17b1c6da28b9b7761bb05379cce854ec5e76b9100f4f660e";
const GOLDEN_ECHO: &str = "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d10100000000000000000000008139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b39401000000000000000e884ff71344cfc2304cc3c9374e27b2cc980e5dfd8d4bff423a9ee9fee2b6c58a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c4ba379b1097a4864144b881d755ef88b27fb9f42253c4fa482e8062ca6e6691ef8213e41aa7e515d28703405d6b8101b1e7042f1e14e2617cf2dfe01e08bb605";
const GOLDEN_PACKETS: &[(&str, usize, &str)] = &[
    (
        "proposal",
        273,
        "f94483077e1ca860056f02bf370077dd1739a2ab3a64a363db5af1fb092c5b09",
    ),
    (
        "echo",
        244,
        "20c6e12ae8d365f0192e627877326e48a897d9afd3b86ac48d063fa1002b2404",
    ),
    (
        "certificate",
        354,
        "72158a0bfc08cfa8b378569592b27e75bc425e3e1c106ae7b461266f056e9502",
    ),
    (
        "announce",
        260,
        "7bce600294698067b777c5d5fc7fec587c959bae65048911283f029b734e6c52",
    ),
    (
        "receipt",
        260,
        "22b7877625579a41f8c7f1c6100ca8553ab33b5f46d8783df114f91682bfe452",
    ),
    (
        "request",
        300,
        "13c8dfbca5a49b1b48abbc93f2c622568bb5d55342bc7c58f2249f4b8eb0f23c",
    ),
    (
        "answer",
        767,
        "303fc21f7edcf482ee7d08c4c7cba79d72c44b1fb76f9c75bf60544a97f50edb",
    ),
    (
        "evidence",
        408,
        "1d1de7f3a9d9f8d1d5033ad9f08de27b19f61941e9dcf9a44708aa54978f3fff",
    ),
    (
        "evidence",
        424,
        "77d6e160059379bd5654b131615ec6f8b6aa1cf7d6bb0cd1073ae1a932c632f7",
    ),
];
const GOLDEN_RECORDS: &[(usize, &str)] = &[
    (
        65,
        "5b49298123dd118db5409971c48a30d8c76bf1e26a270eba9c55b17806dadfa8",
    ),
    (
        213,
        "2628d9509d747ea882042f0f9cac370edd8164b5db50f8de00a89f859f4371fd",
    ),
    (
        503,
        "8898cdb008de50f90c730d1fef0039f82022239399b3b5ab9b4b84a7497c2eac",
    ),
    (
        44,
        "ff851de003bb1818214eb2471de5af1100d39e145a2b5677d3460a06f7629a89",
    ),
    (
        360,
        "e6ab095c494fb73c7ecf171212fda0933adab29adbed2dcbc336192c94f8fbc9",
    ),
    (
        44,
        "17dfcad3b0268ec3bb1682c4434900e30fd51f081596a9ed4be57532c4abac11",
    ),
];
const GOLDEN_DIGESTS: &[&str] = &[
    "4ef91bbf7c17ea21e1f2182097c7ea44b5049876b62b9214a09da5e746c239be",
    "0e884ff71344cfc2304cc3c9374e27b2cc980e5dfd8d4bff423a9ee9fee2b6c5",
    "85d5993ec34682042ff26397403a486321d1d67e19c9fdb0f90b540450b4eeee",
    "32ede29e548d80c439ade66d0d29c98c49ac61e1a0eb5c9d004d86595112d099",
    "0f7740ece1ade0fd29bcdfeede12b6511855525dc84a6b134d5f4fc47fad74cc",
];
const GOLDEN_GENESIS: (usize, &str) = (
    224,
    "ff763611aa913faf89ba2c5825ca773dbcb50d2753051082e97c4f776adb06cb",
);
