//! Paths in trees that no correct member makes, so that all verifiers agree on each rule of a path.
//!
//! Who checks them trusts a header that names such a tree. It is made here from `docs/formats.md`
//! anew.

use bft_crdts::codec::{Digest, decode, encode};
use bft_crdts::membership::Header;
use bft_crdts::verify::{Chain, Proof, Root, StateProof, Trust};
use sha2::{Digest as _, Sha256};

use super::vectors::{Vector, vector};
use super::world::World;

type Entry = [[u8; 32]; 2];

fn hashed(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = format!("bft-crdts/1 {tag}");
    let mut hasher = Sha256::new_with_prefix([tag.len() as u8]);
    hasher.update(tag);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A path to the end that has these entries in this order.
struct Case {
    value: Option<&'static [u8]>,
    siblings: usize,
    beside: Vec<Entry>,
    /// As they are hashed.
    end: Vec<Entry>,
}

const KEY: &[u8] = b"key";

fn own(value: &[u8]) -> Entry {
    let position = hashed("key", &[KEY]);
    let record = match value {
        [] => [0; 32],
        _ => hashed("record", &[&position, value]),
    };
    [position, record]
}

fn others(many: u8) -> Vec<Entry> {
    let other = |number| [hashed("key", &[&[number]]), [number; 32]];
    (0..many).map(other).collect()
}

/// That of a generation whose state has these records.
fn header(records: Digest) -> Header {
    let Root::Header(mut header) = World::new().chain(1, 1).root else {
        panic!("a later generation begins with a header");
    };
    header.state.records = records;
    header
}

impl Case {
    fn of(value: Option<&'static [u8]>, siblings: usize, beside: Vec<Entry>) -> Self {
        let mut end: Vec<_> = beside.iter().copied().chain(value.map(own)).collect();
        end.sort_unstable();
        Self {
            value,
            siblings,
            beside,
            end,
        }
    }

    fn vector(self, name: &'static str, verdict: &'static str) -> Vector {
        let siblings: Vec<_> = (0..self.siblings).map(|depth| [depth as u8; 32]).collect();
        let position = own(b"")[0];
        let mut digest = match self.end.as_flattened().as_flattened() {
            [] => [0; 32],
            entries => hashed("leaf", &[entries]),
        };
        for (depth, sibling) in siblings.iter().enumerate().rev() {
            // Beyond the last bit a verifier that looks at all would take it for 0.
            let byte = position.get(depth / 8).unwrap_or(&0);
            let sides = match byte >> (7 - depth % 8) & 1 {
                0 => [&digest, sibling],
                _ => [sibling, &digest],
            };
            digest = hashed("branch", &sides.map(<[u8; 32]>::as_slice));
        }
        let header = header(Digest::from_bytes(digest));
        let network = World::new().network;
        let trust = Trust::Header {
            generation: header.generation,
            digest: header.digest(&network),
        };
        let siblings: Vec<_> = siblings.into_iter().map(Digest::from_bytes).collect();
        let beside = self.beside.iter().map(|it| it.map(Digest::from_bytes));
        let path = encode(&(siblings, beside.collect::<Vec<_>>()));
        let proof = Proof::StateProof(StateProof {
            network,
            generation: header.generation,
            chain: Chain {
                root: Root::Header(header),
                links: Vec::new(),
            },
            key: KEY.to_vec().into(),
            value: self.value.map(|value| value.to_vec().into()),
            path: decode(&path, path.len()).expect("a path"),
        });
        vector(name, &proof, [(trust, verdict)])
    }
}

pub(super) fn trees() -> Vec<Vector> {
    let value = Some(&b"value"[..]);
    let case = Case::of;
    let twice = |entries: Vec<Entry>| entries.iter().chain(&entries).copied().collect();
    let at_one_position = |value: [u8; 32]| [others(1)[0][0], value];
    let mut unsorted = case(value, 0, others(3));
    unsorted.end.reverse();
    vec![
        case(value, 0, others(7)).vector("tree-leaf-of-eight", "anchored"),
        case(value, 0, others(8)).vector("tree-leaf-of-nine", "path"),
        case(None, 0, others(8)).vector("tree-absent-from-a-leaf-of-eight", "anchored"),
        case(None, 0, others(9)).vector("tree-absent-from-a-leaf-of-nine", "path"),
        case(Some(b""), 0, others(2)).vector("tree-with-an-empty-value", "anchored"),
        case(None, 2, Vec::new()).vector("tree-with-nothing-below-a-branch", "anchored"),
        case(value, 256, others(1)).vector("tree-of-256-branches", "anchored"),
        case(value, 257, others(1)).vector("tree-of-257-branches", "path"),
        case(value, 5, others(6)).vector("tree-with-entries-of-elsewhere", "anchored"),
        case(value, 1, twice(others(3))).vector("tree-with-entries-twice", "anchored"),
        case(
            value,
            0,
            [[9; 32], [200; 32], [1; 32]].map(at_one_position).to_vec(),
        )
        .vector("tree-with-three-records-at-one-position", "anchored"),
        case(None, 0, vec![own(b"value")]).vector("tree-absent-beside-itself", "path"),
        case(value, 0, vec![own(b"another")]).vector("tree-present-beside-itself", "path"),
        unsorted.vector("tree-leaf-out-of-order", "path"),
    ]
}
