//! The vectors that all verifiers share: files with what each establishes to whom.
//!
//! `BLESS=1 cargo test --test promises proofs` writes them anew. `PROOF_MUTANTS=FILE` writes ten
//! thousand more, which are these, damaged, each with what this crate says of it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::trees::trees;
use super::world::{World, generation};
use crate::common::key;
use crate::support::torsion::with_torsion;
use bft_crdts::actor::{Actor, Sig, Signed, Statement};
use bft_crdts::codec::{Digest, decode, encode};
use bft_crdts::deterministic_secure_broadcast::{Echo, Equivocation};
use bft_crdts::dot::Seq;
use bft_crdts::environment;
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{Round, Vote, VoteKind};
use bft_crdts::merkle::Path as TreePath;
use bft_crdts::verify::{
    End, Evidence, Proof, Receipt, Root, Signatures, StateProof, Trust, check,
};
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A file, and what it establishes to some readers.
pub(super) struct Vector {
    name: &'static str,
    bytes: Vec<u8>,
    verdicts: Vec<(Trust, &'static str)>,
}

pub(super) fn vector(
    name: &'static str,
    proof: &Proof,
    verdicts: impl IntoIterator<Item = (Trust, &'static str)>,
) -> Vector {
    Vector {
        name,
        bytes: proof.to_bytes(),
        verdicts: verdicts.into_iter().collect(),
    }
}

fn changed(receipt: Receipt, change: impl FnOnce(&mut Receipt)) -> Proof {
    let mut receipt = receipt;
    change(&mut receipt);
    Proof::Receipt(receipt)
}

fn state(proof: StateProof, change: impl FnOnce(&mut StateProof)) -> Proof {
    let mut proof = proof;
    change(&mut proof);
    Proof::StateProof(proof)
}

fn signatures(receipt: &mut Receipt) -> &mut Signatures {
    match &mut receipt.end {
        End::Certificate { signatures, .. } | End::Carried { signatures, .. } => signatures,
        End::Frontier { .. } => panic!("a frontier is not signed"),
    }
}

fn path(receipt: &mut Receipt) -> &mut TreePath {
    match &mut receipt.end {
        End::Frontier { path, .. } | End::Carried { path, .. } => path,
        End::Certificate { .. } => panic!("a certificate has no path"),
    }
}

fn bad() -> Sig {
    Sig::from_bytes([1; 64])
}

fn all() -> Vec<Vector> {
    let mut vectors = receipts();
    vectors.extend(chains());
    vectors.extend(lanes());
    vectors.extend(states());
    vectors.extend(trees());
    vectors.extend(evidence());
    vectors.extend(malformed());
    vectors
}

fn receipts() -> Vec<Vector> {
    let world = World::new();
    let name = Trust::Network(world.network);
    let other = Trust::Network("5b".repeat(32).parse().expect("a name"));
    let [zero, one, two, three] = [0, 1, 2, 3].map(|number| world.trust(number));
    let forked = Trust::Header {
        generation: generation(1),
        digest: Digest::from_bytes([9; 32]),
    };
    let torsion = changed(world.receipt(0, 1), |receipt| {
        let echo = world.echo(1, &receipt.message);
        *signatures(receipt) = world.certify_with_torsion(1, &echo);
    });
    let retired = changed(world.receipt(0, 1), |receipt| {
        receipt.end = End::Certificate {
            generation: generation(0),
            signatures: world.certify(0, &world.echo(0, &receipt.message)),
        };
    });
    vec![
        vector(
            "receipt-signed",
            &Proof::Receipt(world.receipt(0, 1)),
            [
                (one, "signed"),
                (zero, "signed"),
                (name, "unproven"),
                (other, "elsewhere"),
                (forked, "elsewhere"),
                (two, "unproven"),
            ],
        ),
        vector(
            "receipt-after-a-header",
            &Proof::Receipt(world.receipt(2, 3)),
            [
                (three, "signed"),
                (two, "signed"),
                (one, "unproven"),
                (name, "unproven"),
            ],
        ),
        vector(
            "receipt-anchored",
            &Proof::Receipt(world.anchored(0, 2)),
            [
                (two, "anchored"),
                (one, "anchored"),
                (zero, "signed"),
                (name, "unproven"),
                (three, "unproven"),
                (other, "elsewhere"),
            ],
        ),
        vector(
            "receipt-carried",
            &Proof::Receipt(world.carried(0, 2)),
            [
                (two, "signed"),
                (one, "signed"),
                (zero, "signed"),
                (name, "unproven"),
            ],
        ),
        vector("receipt-with-torsion", &torsion, [(one, "signed")]),
        vector(
            "receipt-of-retired-keys",
            &retired,
            [(one, "unproven"), (zero, "unproven"), (name, "unproven")],
        ),
        vector(
            "receipt-short-of-a-quorum",
            &changed(world.receipt(0, 1), |receipt| {
                assert!(signatures(receipt).pop().is_some());
            }),
            [(one, "certificate"), (name, "certificate")],
        ),
        vector(
            "receipt-with-a-bad-signature",
            &changed(world.receipt(0, 1), |receipt| {
                signatures(receipt)[1].1 = bad()
            }),
            [(one, "certificate")],
        ),
        vector(
            "receipt-with-seats-out-of-order",
            &changed(world.receipt(0, 1), |receipt| {
                signatures(receipt).swap(0, 1)
            }),
            [(one, "certificate")],
        ),
        vector(
            "receipt-with-a-seat-twice",
            &changed(world.receipt(0, 1), |receipt| {
                signatures(receipt)[1] = signatures(receipt)[0];
            }),
            [(one, "certificate")],
        ),
        vector(
            "receipt-with-a-seat-too-high",
            &changed(world.receipt(0, 3), |receipt| {
                // The last of seven seats, among the four of another generation.
                let seat = signatures(receipt).last().expect("a quorum").0;
                *receipt = world.receipt(0, 1);
                signatures(receipt).last_mut().expect("a quorum").0 = seat;
            }),
            [(one, "certificate")],
        ),
        vector(
            "receipt-of-another-message",
            &changed(world.receipt(0, 1), |receipt| {
                receipt.message.ops = b"another".to_vec().into();
            }),
            [(one, "certificate")],
        ),
        vector(
            "receipt-of-another-committee",
            &changed(world.receipt(0, 2), |receipt| {
                *signatures(receipt) = world.certify(1, &world.echo(2, &receipt.message));
            }),
            [(two, "certificate")],
        ),
        vector(
            "receipt-anchored-elsewhere-in-the-tree",
            &changed(world.anchored(0, 2), |receipt| {
                *path(receipt) = world
                    .ending(1)
                    .frontier_tree()
                    .path(key(1).actor().as_bytes());
            }),
            [(two, "path"), (name, "path")],
        ),
        vector(
            "receipt-anchored-short-of-the-end",
            &changed(world.anchored(0, 2), |receipt| {
                assert!(receipt.later.pop().is_some())
            }),
            [(two, "path")],
        ),
        vector(
            "receipt-anchored-in-the-first-generation",
            &changed(world.anchored(0, 2), |receipt| {
                if let End::Frontier { generation: of, .. } = &mut receipt.end {
                    *of = generation(0);
                }
            }),
            [(two, "path")],
        ),
        vector(
            "receipt-carried-with-another-lock",
            &changed(world.carried(0, 2), |receipt| {
                if let End::Carried { lock, .. } = &mut receipt.end {
                    lock.sig = bad();
                }
            }),
            [(two, "path")],
        ),
        vector(
            "receipt-carried-without-a-certificate",
            &changed(world.carried(0, 2), |receipt| {
                signatures(receipt)[0].1 = bad()
            }),
            [(two, "certificate")],
        ),
        vector(
            "receipt-carried-into-an-earlier-generation",
            &changed(world.carried(0, 2), |receipt| {
                if let End::Carried { into, .. } = &mut receipt.end {
                    *into = generation(0);
                }
            }),
            [(two, "generation")],
        ),
        vector(
            "receipt-carried-beyond-the-chain",
            &Proof::Receipt(world.carried(0, 0)),
            [(zero, "generation")],
        ),
        vector(
            "receipt-carried-from-before-the-chain",
            &Proof::Receipt(world.carried(1, 2)),
            [(two, "generation")],
        ),
    ]
}

fn chains() -> Vec<Vector> {
    let world = World::new();
    let [zero, one, two] = [0, 1, 2].map(|number| world.trust(number));
    let name = Trust::Network(world.network);
    let with = |change: &dyn Fn(&mut Receipt)| changed(world.anchored(0, 2), change);
    vec![
        vector(
            "chain-with-a-bad-signature",
            &with(&|receipt| receipt.chain.links[1].signatures[0].1 = bad()),
            // Up to the anchor it is the hashes that prove.
            [
                (two, "anchored"),
                (one, "certificate"),
                (zero, "certificate"),
            ],
        ),
        vector(
            "chain-of-another-round",
            &with(&|receipt| receipt.chain.links[0].round = Round::FIRST),
            [(two, "anchored"), (zero, "certificate")],
        ),
        vector(
            "chain-of-another-parent",
            &with(&|receipt| receipt.chain.links[1].header.parent = world.digest(0)),
            [(two, "chain"), (name, "chain")],
        ),
        vector(
            "chain-with-a-gap",
            &with(&|receipt| drop(receipt.chain.links.remove(0))),
            [(two, "chain")],
        ),
        vector(
            "chain-without-members",
            &with(&|receipt| receipt.chain.links[1].header.members.clear()),
            [(two, "chain")],
        ),
        vector(
            "chain-from-another-genesis",
            &with(&|receipt| receipt.network = "5b".repeat(32).parse().expect("a name")),
            [(two, "chain"), (name, "elsewhere")],
        ),
        vector(
            "chain-from-a-header-of-the-first-generation",
            &with(&|receipt| {
                let mut header = receipt.chain.links.remove(0).header;
                header.generation = generation(0);
                receipt.chain.root = Root::Header(header);
            }),
            [(two, "chain")],
        ),
        vector(
            "chain-without-the-generation",
            &with(&|receipt| {
                if let End::Frontier { generation: of, .. } = &mut receipt.end {
                    *of = generation(3);
                }
            }),
            [(two, "generation")],
        ),
    ]
}

fn lanes() -> Vec<Vector> {
    let world = World::new();
    let one = world.trust(1);
    let numbered = |seq| {
        changed(world.receipt(0, 1), |receipt| {
            receipt.message.seq = seq;
            receipt.later = vec![Digest::from_bytes([3; 32])];
        })
    };
    vec![
        vector("lane-from-nothing", &numbered(Seq::ZERO), [(one, "lane")]),
        vector("lane-without-end", &numbered(Seq::MAX), [(one, "lane")]),
        vector(
            "lane-of-another-order",
            &changed(world.anchored(0, 2), |receipt| receipt.later.reverse()),
            [(one, "path")],
        ),
    ]
}

/// The siblings of a path, and what is beside its record.
type Parts = (Vec<Digest>, Vec<[Digest; 2]>);

pub(super) fn path_of(parts: Parts) -> TreePath {
    let parts = encode(&parts);
    decode(&parts, parts.len()).expect("a path")
}

fn parts(path: &TreePath) -> Parts {
    let path = encode(path);
    decode(&path, path.len()).expect("its parts")
}

fn states() -> Vec<Vector> {
    let world = World::new();
    let [zero, one, two] = [0, 1, 2].map(|number| world.trust(number));
    let name = Trust::Network(world.network);
    let present = world.state(0, 2, 1, "plum");
    let leaf = parts(&present.path);
    let absent = (0..).map(|number| world.state(0, 2, 1, &format!("weed {number}")));
    let mut absent = absent.filter(|proof| parts(&proof.path).0 == leaf.0);
    let beside_it = absent.next().expect("one of its leaf");
    vec![
        vector(
            "state-present",
            &Proof::StateProof(present.clone()),
            [
                (two, "anchored"),
                (one, "anchored"),
                (zero, "signed"),
                (name, "unproven"),
            ],
        ),
        vector(
            "state-absent",
            &Proof::StateProof(world.state(0, 2, 2, "cherry")),
            [(two, "anchored"), (one, "signed"), (name, "unproven")],
        ),
        vector(
            "state-of-the-first-generation",
            &state(world.state(0, 2, 0, "cherry"), |proof| {
                proof.path = bft_crdts::merkle::Tree::default().path(b"cherry");
            }),
            [(name, "anchored"), (two, "anchored")],
        ),
        vector(
            "state-with-another-value",
            &state(present.clone(), |proof| proof.value = Some(vec![9].into())),
            [(two, "path")],
        ),
        vector(
            "state-denied",
            &state(present.clone(), |proof| proof.value = None),
            [(two, "path")],
        ),
        vector(
            "state-with-another-key",
            &state(present.clone(), |proof| proof.key = b"pear".to_vec().into()),
            [(two, "path")],
        ),
        vector(
            "state-denied-by-another-record",
            &state(world.state(0, 2, 1, "cherry"), |proof| {
                proof.key = b"pear".to_vec().into();
            }),
            [(two, "path")],
        ),
        vector(
            "state-denied-by-the-leaf-that-has-it",
            &state(beside_it, |proof| proof.key = present.key.clone()),
            [(two, "path")],
        ),
        vector(
            "state-with-its-leaf-in-another-order",
            &state(present.clone(), |proof| {
                let (siblings, mut beside) = leaf;
                beside.reverse();
                proof.path = path_of((siblings, beside));
            }),
            [(two, "anchored")],
        ),
        vector(
            "state-of-no-generation",
            &state(present, |proof| proof.generation = generation(7)),
            [(two, "generation")],
        ),
    ]
}

fn echoes(left: Signed<Echo>, right: Signed<Echo>) -> Equivocation {
    Equivocation::Echo(Conflict { left, right })
}

fn evidence() -> Vec<Vector> {
    let world = World::new();
    let name = Trust::Network(world.network);
    let other = Trust::Network("5b".repeat(32).parse().expect("a name"));
    let header = world.trust(1);
    let lane = world.lane(9, 2);
    let echo = |generation, digest: u8| Echo {
        digest: Digest::from_bytes([digest; 32]),
        ..world.echo(generation, &lane[0])
    };
    let vote = |round, value: u8| Vote {
        generation: generation(1),
        round: Round::new(round),
        kind: VoteKind::Prevote(Some(Digest::from_bytes([value; 32]))),
    };
    let votes =
        |left: Signed<Vote>, right: Signed<Vote>| Equivocation::Vote(Conflict { left, right });
    let proof = |equivocation| {
        let network = world.network;
        Proof::Evidence(Evidence {
            network,
            equivocation,
        })
    };
    let torsion = |statement: Echo| Signed {
        sig: with_torsion(9, &statement.digest(&world.network)),
        ..world.signed(9, statement)
    };
    let twice = echoes(world.signed(9, echo(1, 1)), world.signed(9, echo(1, 2)));
    let mut forged = world.signed(9, echo(1, 2));
    forged.sig = bad();
    let weak = Actor::from_bytes(std::array::from_fn(|index| u8::from(index == 0)));
    let by_weak = |statement| Signed {
        signer: weak,
        ..world.signed(9, statement)
    };
    let apart = Echo {
        dot: crate::common::dot(lane[0].source, 2),
        ..echo(1, 2)
    };
    vec![
        vector(
            "evidence-of-two-echoes",
            &proof(twice),
            [
                (name, "convicts"),
                (other, "elsewhere"),
                (header, "unproven"),
            ],
        ),
        vector(
            "evidence-of-two-votes",
            &proof(votes(
                world.signed(2, vote(3, 1)),
                world.signed(2, vote(3, 2)),
            )),
            [(name, "convicts")],
        ),
        vector(
            "evidence-with-torsion",
            &proof(echoes(torsion(echo(1, 1)), torsion(echo(1, 2)))),
            [(name, "convicts")],
        ),
        vector(
            "evidence-of-the-same-twice",
            &proof(echoes(world.signed(9, echo(1, 1)), torsion(echo(1, 1)))),
            [(name, "conflict")],
        ),
        vector(
            "evidence-of-two-generations",
            &proof(echoes(
                world.signed(9, echo(0, 1)),
                world.signed(9, echo(1, 2)),
            )),
            [(name, "conflict")],
        ),
        vector(
            "evidence-of-two-dots",
            &proof(echoes(world.signed(9, echo(1, 1)), world.signed(9, apart))),
            [(name, "conflict")],
        ),
        vector(
            "evidence-of-two-signers",
            &proof(echoes(
                world.signed(9, echo(1, 1)),
                world.signed(8, echo(1, 2)),
            )),
            [(name, "conflict")],
        ),
        vector(
            "evidence-of-two-rounds",
            &proof(votes(
                world.signed(2, vote(3, 1)),
                world.signed(2, vote(4, 2)),
            )),
            [(name, "conflict")],
        ),
        vector(
            "evidence-that-is-forged",
            &proof(echoes(world.signed(9, echo(1, 1)), forged)),
            [(name, "signature"), (other, "elsewhere")],
        ),
        vector(
            "evidence-of-a-weak-key",
            &proof(echoes(by_weak(echo(1, 1)), by_weak(echo(1, 2)))),
            [(name, "signature")],
        ),
    ]
}

fn malformed() -> Vec<Vector> {
    let world = World::new();
    let one = world.trust(1);
    let good = Proof::Receipt(world.receipt(0, 1)).to_bytes();
    let absent = Proof::StateProof(world.state(0, 2, 2, "cherry")).to_bytes();
    let find = |bytes: &[u8], part: &[u8]| {
        let mut places = bytes.windows(part.len());
        places
            .position(|place| place == part)
            .expect("it is in there")
    };
    // Members are in order, and a set has one encoding.
    let mut members: Vec<_> = world.genesis.members().iter().copied().collect();
    let at = find(&good, &encode(&members));
    members.swap(0, 1);
    let mut unsorted = good.clone();
    unsorted.splice(at..at + encode(&members).len(), encode(&members));
    // After the key there is the option.
    let key = encode(&bft_crdts::codec::Bytes::from(b"cherry".to_vec()));
    let at = find(&absent, &key) + key.len();
    let mut option = absent;
    option[at] = 2;
    let name = encode("orswot/1");
    let at = find(&good, &name) + 8;
    let mut text = good.clone();
    text[at] = 0xff;
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    let files = [
        ("malformed-empty", Vec::new()),
        ("malformed-magic", changed(&|bytes| bytes[0] = b'X')),
        ("malformed-version", changed(&|bytes| bytes[8] = 2)),
        ("malformed-kind", changed(&|bytes| bytes[12] = 3)),
        (
            "malformed-cut-off",
            changed(&|bytes| assert!(bytes.pop().is_some())),
        ),
        ("malformed-with-more", changed(&|bytes| bytes.push(0))),
        ("malformed-set-out-of-order", unsorted),
        ("malformed-option", option),
        ("malformed-text", text),
    ];
    let vector = |(name, bytes)| Vector {
        name,
        bytes,
        verdicts: vec![(one, "malformed")],
    };
    files.map(vector).into()
}

/// In a word, what a file establishes.
fn word(bytes: &[u8], trust: &Trust) -> &'static str {
    match check(bytes, trust) {
        Ok(established) => established.word(),
        Err(refusal) => refusal.word(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a text");
        digits
    })
}

/// A line of a list of vectors: the file, or its bytes, what is trusted, and what it establishes.
fn line(file: (&str, &str), trust: &Trust, verdict: &str) -> String {
    let (name, trusted) = match trust {
        Trust::Network(network) => ("network", network.to_string()),
        Trust::Header { generation, digest } => {
            ("trusted", format!("{}:{digest}", generation.number()))
        }
    };
    let mut line = serde_json::json!({ file.0: file.1, "verdict": verdict });
    line[name] = trusted.into();
    line.to_string() + "\n"
}

#[test]
fn each_vector_establishes_what_is_said_of_it_and_the_files_are_the_committed_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/proofs");
    let bless = environment::is("BLESS", "1");
    if bless {
        // What is no vector any more goes.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
    }
    let mut lines = String::new();
    for Vector {
        name,
        bytes,
        verdicts,
    } in all()
    {
        for (trust, verdict) in &verdicts {
            assert_eq!(word(&bytes, trust), *verdict, "{name} by {trust:?}");
        }
        let mut files = vec![(format!("{name}.bin"), bytes.clone())];
        if let Ok(proof) = Proof::from_bytes(&bytes) {
            let text = proof.to_json();
            assert_eq!(
                Proof::from_json(&text).ok().as_ref(),
                Some(&proof),
                "{name}"
            );
            files.push((format!("{name}.json"), text.into_bytes()));
        }
        for (file, bytes) in files {
            let place = folder.join(&file);
            if bless {
                fs::write(&place, &bytes).expect("a file");
            }
            assert_eq!(fs::read(&place).expect("a vector"), bytes, "{file}");
            for (trust, verdict) in &verdicts {
                lines += &line(("file", &file), trust, verdict);
            }
        }
    }
    let list = folder.join("vectors.jsonl");
    if bless {
        fs::write(&list, &lines).expect("a file");
    }
    assert_eq!(fs::read_to_string(&list).expect("the list"), lines);
}

/// Each verdict is that of some vector, or a verifier could be wrong about it unnoticed.
#[test]
fn the_vectors_have_every_verdict() {
    let mut said: Vec<_> = all()
        .into_iter()
        .flat_map(|vector| vector.verdicts)
        .map(|(_, verdict)| verdict)
        .collect();
    said.sort_unstable();
    said.dedup();
    let every = [
        "anchored",
        "certificate",
        "chain",
        "conflict",
        "convicts",
        "elsewhere",
        "generation",
        "lane",
        "malformed",
        "path",
        "signature",
        "signed",
        "unproven",
    ];
    assert_eq!(said, every);
}

/// Damages a file as an attacker would, who knows the format.
fn damage(bytes: &mut Vec<u8>, others: &[Vector], random: &mut impl Rng) {
    for _ in 0..random.random_range(1..3u8) {
        let len = bytes.len();
        let at = random
            .random_range(0..len.max(1))
            .min(len.saturating_sub(1));
        match random.random_range(0..8u8) {
            _ if len == 0 => bytes.push(random.random()),
            0 | 1 => bytes[at] ^= 1 << random.random_range(0..8u8),
            2 => bytes[at] = random.random(),
            3 => bytes.truncate(at),
            4 => bytes.insert(at, random.random()),
            5 => {
                // A digest, a key or half of a signature in the place of another.
                let from = random.random_range(0..len);
                for offset in 0..32.min(len - at.max(from)) {
                    bytes[at + offset] = bytes[from + offset];
                }
            }
            6 => {
                let number: u64 = [0, 1, 2, u64::MAX][random.random_range(0..4usize)];
                for (offset, byte) in number.to_le_bytes().iter().enumerate().take(len - at) {
                    bytes[at + offset] = *byte;
                }
            }
            _ => {
                let other = &others[random.random_range(0..others.len())].bytes;
                let at = at.min(other.len());
                bytes.truncate(at);
                bytes.extend(&other[at..]);
            }
        }
    }
}

/// Nothing that a file can be makes the check panic, and whatever is read has one encoding.
#[test]
fn damaged_files_are_judged_and_never_more_than_they_were() {
    let vectors = all();
    let mut random = ChaCha8Rng::seed_from_u64(15);
    let written = std::env::var_os("PROOF_MUTANTS");
    let many = if written.is_some() { 10_000 } else { 2_000 };
    let (mut lines, mut counts) = (String::new(), std::collections::BTreeMap::<_, u32>::new());
    for _ in 0..many {
        let vector = &vectors[random.random_range(0..vectors.len())];
        let (trust, _) = &vector.verdicts[random.random_range(0..vector.verdicts.len())];
        let mut bytes = vector.bytes.clone();
        if random.random_ratio(9, 10) {
            damage(&mut bytes, &vectors, &mut random);
        }
        let verdict = word(&bytes, trust);
        *counts.entry(verdict).or_default() += 1;
        if let Ok(proof) = Proof::from_bytes(&bytes) {
            assert_eq!(proof.to_bytes(), bytes);
        }
        if written.is_some() {
            lines += &line(("bytes", &hex(&bytes)), trust, verdict);
        }
    }
    assert!(counts.len() == 13, "{counts:?}");
    if let Some(file) = written {
        fs::write(file, lines).expect("a file");
    }
}
