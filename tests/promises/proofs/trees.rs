//! Trees and paths as `docs/formats.md` has them, also such as no correct member makes, so that all
//! verifiers agree on each rule of a path.

use bft_crdts::codec::Digest;
use bft_crdts::merkle::Tree;
use bft_crdts::verify::{Chain, Proof, Root, StateProof, Trust};
use sha2::{Digest as _, Sha256};

use super::vectors::{Vector, path_of, vector};
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

/// A path, and the entries of its end in the order in which they are hashed.
struct Case {
    value: Option<&'static [u8]>,
    siblings: usize,
    beside: Vec<Entry>,
    end: Vec<Entry>,
}

const KEY: &[u8] = b"key";

fn leaf(entries: &[Entry]) -> [u8; 32] {
    match entries.as_flattened().as_flattened() {
        [] => [0; 32],
        bytes => hashed("leaf", &[bytes]),
    }
}

fn branch(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    hashed("branch", &[left, right])
}

fn bit(position: &[u8; 32], depth: usize) -> bool {
    position[depth / 8] >> (7 - depth % 8) & 1 == 1
}

fn whole(entries: &[Entry], depth: usize) -> [u8; 32] {
    if entries.len() <= 8 {
        return leaf(entries);
    }
    let (right, left): (Vec<_>, Vec<_>) = entries.iter().partition(|it| bit(&it[0], depth));
    branch(&whole(&left, depth + 1), &whole(&right, depth + 1))
}

#[test]
fn a_tree_has_the_digest_that_the_documentation_gives_it() {
    for many in [0, 1, 8, 9, 100] {
        let mut entries = others(many);
        entries.sort_unstable();
        let records = (0..many).map(|number| ([number], value_of(number)));
        assert_eq!(
            Tree::of(records).digest().as_bytes(),
            &whole(&entries, 0),
            "{many}"
        );
    }
}

fn entry(key: &[u8], value: &[u8]) -> Entry {
    let position = hashed("key", &[key]);
    let record = match value {
        [] => [0; 32],
        _ => hashed("record", &[&position, value]),
    };
    [position, record]
}

fn own(value: &[u8]) -> Entry {
    entry(KEY, value)
}

/// Every second one has no bytes.
fn value_of(number: u8) -> Vec<u8> {
    vec![number; usize::from(number % 2) * 40]
}

fn others(many: u8) -> Vec<Entry> {
    let other = |number| entry(&[number], &value_of(number));
    (0..many).map(other).collect()
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

    /// Who trusts the header of a generation whose state has the tree says so of the path.
    fn vector(&self, world: &World, name: &'static str, verdict: &'static str) -> Vector {
        let siblings: Vec<_> = (0..self.siblings).map(|depth| [depth as u8; 32]).collect();
        let position = own(b"")[0];
        let mut digest = leaf(&self.end);
        for (depth, sibling) in siblings.iter().enumerate().rev() {
            // Beyond the last bit a verifier that looks at all would take it for 0.
            let is_right = depth < 256 && bit(&position, depth);
            digest = match is_right {
                false => branch(&digest, sibling),
                true => branch(sibling, &digest),
            };
        }
        let Root::Header(mut header) = world.chain(1, 1).root else {
            panic!("a later generation begins with a header");
        };
        header.state.records = Digest::from_bytes(digest);
        let network = world.network;
        let trust = Trust::Header {
            generation: header.generation,
            digest: header.digest(&network),
        };
        let siblings = siblings.into_iter().map(Digest::from_bytes).collect();
        let beside = self.beside.iter().map(|it| it.map(Digest::from_bytes));
        let proof = Proof::StateProof(StateProof {
            network,
            generation: header.generation,
            chain: Chain {
                root: Root::Header(header),
                links: Vec::new(),
            },
            key: KEY.to_vec().into(),
            value: self.value.map(|value| value.to_vec().into()),
            path: path_of((siblings, beside.collect())),
        });
        vector(name, &proof, [(trust, verdict)])
    }
}

pub(super) fn trees() -> Vec<Vector> {
    let value = Some(&b"value"[..]);
    let case = Case::of;
    let twice = |entries: Vec<Entry>| entries.iter().chain(&entries).copied().collect();
    let at_one_position = [9, 200, 1]
        .map(|byte| [others(1)[0][0], [byte; 32]])
        .to_vec();
    let mut unsorted = case(value, 0, others(3));
    unsorted.end.reverse();
    let world = World::new();
    let anchored = |name, case: Case| case.vector(&world, name, "anchored");
    let path = |name, case: Case| case.vector(&world, name, "path");
    vec![
        anchored("tree-leaf-of-eight", case(value, 0, others(7))),
        path("tree-leaf-of-nine", case(value, 0, others(8))),
        anchored("tree-absent-from-a-leaf-of-eight", case(None, 0, others(8))),
        path("tree-absent-from-a-leaf-of-nine", case(None, 0, others(9))),
        anchored("tree-with-an-empty-value", case(Some(b""), 0, others(2))),
        anchored(
            "tree-with-nothing-below-a-branch",
            case(None, 2, Vec::new()),
        ),
        anchored("tree-of-256-branches", case(value, 256, others(1))),
        path("tree-of-257-branches", case(value, 257, others(1))),
        anchored("tree-with-entries-of-elsewhere", case(value, 5, others(6))),
        anchored("tree-with-entries-twice", case(value, 1, twice(others(3)))),
        anchored(
            "tree-with-three-records-at-one-position",
            case(value, 0, at_one_position),
        ),
        path(
            "tree-absent-beside-itself",
            case(None, 0, vec![own(b"value")]),
        ),
        path(
            "tree-present-beside-itself",
            case(value, 0, vec![own(b"another")]),
        ),
        path("tree-leaf-out-of-order", unsorted),
    ]
}
