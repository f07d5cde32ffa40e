//! Text against what it is: the tree of the paper, walked as it stands there, and strings.

use std::collections::BTreeMap;

use bft_crdts::codec::{decode, encode};
use bft_crdts::laws::{self, ChaCha8Rng, Checked, Trial, actors};
use bft_crdts::net::{Equivocator, Faults, Net, Scenario, Signatures, Subject};
use bft_crdts::types::Budget;
use bft_crdts::types::text::{Id, List, Op, SPANS_PER_OP, Side, Span, State, Text};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, Verdict};
use quickcheck_macros::quickcheck;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

const START: usize = 0;

/// A node of the tree, the start of the list included.
struct Node {
    id: Option<Id>,
    letter: Option<char>,
    /// Left and right, each in order.
    children: [Vec<usize>; 2],
}

/// The tree as the paper tells it: nodes with children, and the text by a walk through all of them.
struct Model {
    nodes: Vec<Node>,
    numbers: BTreeMap<Id, usize>,
}

impl Model {
    fn new() -> Self {
        let mut model = Self {
            nodes: Vec::new(),
            numbers: BTreeMap::new(),
        };
        model.add(None, None);
        model
    }

    fn add(&mut self, id: Option<Id>, letter: Option<char>) -> usize {
        self.nodes.push(Node {
            id,
            letter,
            children: [Vec::new(), Vec::new()],
        });
        self.nodes.len() - 1
    }

    fn apply(&mut self, op: &Op<char>) {
        match op {
            Op::Insert {
                id,
                parent,
                side,
                elements,
            } => {
                let (mut id, mut parent, mut side) = (*id, *parent, *side);
                for letter in elements {
                    self.insert(id, parent, side, *letter);
                    (parent, side) = (Some(id), Side::Right);
                    id.counter += 1;
                }
            }
            Op::Delete { spans } => {
                for &Span {
                    source,
                    first,
                    last,
                } in spans
                {
                    for counter in first..=last {
                        self.nodes[self.numbers[&Id { source, counter }]].letter = None;
                    }
                }
            }
        }
    }

    fn insert(&mut self, id: Id, parent: Option<Id>, side: Side, letter: char) {
        let new = self.add(Some(id), Some(letter));
        self.numbers.insert(id, new);
        let above = parent.map_or(START, |parent| self.numbers[&parent]);
        let rank = |node: usize| {
            let id = self.nodes[node].id.expect("a child");
            (lot(parent, side, id.source), id.source, id.counter)
        };
        let mut children = self.nodes[above].children[side as usize].clone();
        children.push(new);
        children.sort_by_key(|child| rank(*child));
        self.nodes[above].children[side as usize] = children;
    }

    /// All nodes but the start, left children first.
    fn walk(&self) -> Vec<usize> {
        let (mut walked, mut stack) = (Vec::new(), vec![(START, false)]);
        while let Some((node, opened)) = stack.pop() {
            if opened {
                walked.push(node);
                continue;
            }
            let [left, right] = &self.nodes[node].children;
            stack.extend(right.iter().rev().map(|child| (*child, false)));
            stack.push((node, true));
            stack.extend(left.iter().rev().map(|child| (*child, false)));
        }
        walked.retain(|node| *node != START);
        walked
    }

    fn text(&self) -> String {
        let walked = self.walk();
        walked
            .into_iter()
            .filter_map(|node| self.nodes[node].letter)
            .collect()
    }

    /// Where the paper's algorithm 1 inserts.
    fn gap(&self, at: usize) -> (Option<Id>, Side) {
        let walked = self.walk();
        let visible = walked
            .iter()
            .filter(|node| self.nodes[**node].letter.is_some());
        let left = at
            .checked_sub(1)
            .map_or(START, |before| *{ visible }.nth(before).expect("there"));
        if self.nodes[left].children[1].is_empty() {
            return (self.nodes[left].id, Side::Right);
        }
        let place = walked.iter().position(|node| *node == left);
        let next = walked[place.map_or(0, |place| place + 1)];
        (self.nodes[next].id, Side::Left)
    }
}

/// What decides between siblings, byte by byte.
fn lot(parent: Option<Id>, side: Side, source: Actor) -> [u8; 32] {
    let tag = b"bft-crdts/1 tie";
    let mut hasher = Sha256::new_with_prefix([tag.len() as u8]);
    hasher.update(tag);
    hasher.update([0; 32]);
    hasher.update(encode(&(parent, side, source)));
    hasher.finalize().into()
}

/// A text and its model, which do the same.
struct Pair {
    text: Text,
    model: Model,
    /// How many operations of each source it has applied.
    applied: Vec<usize>,
}

impl Pair {
    fn new(actor: Actor, sources: usize) -> Self {
        Self {
            text: Text::new(actor),
            model: Model::new(),
            applied: vec![0; sources],
        }
    }

    fn apply(&mut self, source: usize, op: &Op<char>) {
        self.text.apply(op.clone());
        self.model.apply(op);
        self.applied[source] += 1;
    }

    fn check(&self) {
        let expected = self.model.text();
        assert_eq!(self.text.to_string(), expected);
        assert_eq!(self.text.len(), expected.chars().count());
        for at in 0..=self.text.len() {
            let (parent, side) = self.model.gap(at);
            let op = self.text.insert(at, "x").expect("a position");
            let same =
                matches!(op, Op::Insert { parent: p, side: s, .. } if (p, s) == (parent, side));
            assert!(
                same,
                "at {at} of {expected:?}: {op:?}, not {parent:?}, {side:?}"
            );
            let id = self.text.id(at);
            assert_eq!(id.and_then(|id| self.text.position(&id)), id.map(|_| at));
            assert_eq!(self.text.get(at).copied(), expected.chars().nth(at));
        }
    }
}

fn word(random: &mut ChaCha8Rng) -> String {
    let len = random.random_range(1..6);
    (0..len)
        .map(|_| ['a', 'b', 'é', '字', '🦀'][random.random_range(0..5)])
        .collect()
}

/// What a user does at the keyboard.
fn honest(random: &mut ChaCha8Rng, text: &Text) -> Op<char> {
    let at = random.random_range(0..=text.len());
    let end = text.len().min(at + random.random_range(1..5));
    match text.delete(at..end).filter(|_| random.random_bool(0.4)) {
        Some(op) => op,
        None => text.insert(at, &word(random)).expect("a position"),
    }
}

fn someone(random: &mut ChaCha8Rng) -> Actor {
    let all = actors(5);
    all[random.random_range(0..all.len())]
}

/// Mostly near what is valid, sometimes absurd.
fn counter(random: &mut ChaCha8Rng) -> u32 {
    match random.random_range(0..12) {
        0 => 0,
        1 => u32::MAX,
        2 => u32::MAX - 1,
        _ => random.random_range(1..12),
    }
}

fn span(random: &mut ChaCha8Rng) -> Span {
    let (source, first) = (someone(random), counter(random));
    let last = if random.random_bool(0.8) {
        first.saturating_add(random.random_range(0..4))
    } else {
        counter(random)
    };
    Span {
        source,
        first,
        last,
    }
}

/// What a liar writes: any parent, any side, any spans. Much of it is valid.
fn hostile(random: &mut ChaCha8Rng, text: &Text, from: &Actor) -> Op<char> {
    if random.random_bool(0.3) {
        let mut spans: Vec<_> = (0..random.random_range(0..4))
            .map(|_| span(random))
            .collect();
        if random.random_bool(0.8) {
            spans.sort_unstable();
        }
        return Op::Delete { spans };
    }
    let Some(Op::Insert { mut id, .. }) = text.insert(0, "x") else {
        unreachable!("the start is a position")
    };
    id.source = if random.random_bool(0.95) {
        *from
    } else {
        someone(random)
    };
    if random.random_bool(0.05) {
        id.counter = counter(random);
    }
    let parent = Id {
        source: someone(random),
        counter: counter(random),
    };
    Op::Insert {
        id,
        parent: Some(parent).filter(|_| random.random_bool(0.9)),
        side: if random.random() {
            Side::Left
        } else {
            Side::Right
        },
        elements: word(random)
            .chars()
            .skip(usize::from(random.random_bool(0.2)))
            .collect(),
    }
}

fn text_op(random: &mut ChaCha8Rng, text: &Text, from: &Actor) -> Op<char> {
    match random.random() {
        true => honest(random, text),
        false => hostile(random, text, from),
    }
}

fn tight(actor: Actor) -> Text {
    let budget = Budget {
        op_bytes: 12,
        entries: 30,
        bytes: 60,
    };
    Text::with_budget(actor, budget)
}

#[test]
fn text_keeps_the_laws() {
    for fresh in [Text::new, tight] {
        let checked = laws::check(fresh, &Trial::from_env(3), text_op);
        let checked = checked.unwrap_or_else(|broken| panic!("{broken}"));
        let Checked {
            cases,
            valid,
            not_yet,
            never,
            applied,
            batches,
            commuted,
            still_valid,
            still_never,
            ..
        } = checked;
        let least = [
            valid,
            not_yet,
            never,
            applied,
            batches,
            commuted,
            still_valid,
            still_never,
        ];
        assert!(least.iter().all(|&count| count >= cases / 2), "{checked:?}");
    }
}

/// Three authors, one of them a liar, who hear of each other late, and in batches.
#[quickcheck]
fn text_is_what_the_tree_of_the_paper_says_after_every_operation(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let sources = actors(3);
    let mut pairs: Vec<_> = sources.iter().map(|actor| Pair::new(*actor, 3)).collect();
    let mut lanes = vec![Vec::<Op<char>>::new(); 3];
    for _ in 0..60 {
        let (reader, source) = (random.random_range(0..3), random.random_range(0..3));
        if reader == source {
            let text = &pairs[source].text;
            let op = match source {
                0 => hostile(&mut random, text, &sources[0]),
                _ => honest(&mut random, text),
            };
            if text.validate(&sources[source], &op) {
                pairs[source].apply(source, &op);
                lanes[source].push(op);
            }
        } else {
            hear(&mut pairs[reader], source, &sources, &lanes);
        }
        pairs[reader].check();
    }
    for _ in 0..9 * lanes.iter().map(Vec::len).max().unwrap_or(0) {
        for source in 0..3 {
            pairs
                .iter_mut()
                .for_each(|pair| hear(pair, source, &sources, &lanes));
        }
    }
    let bytes = encode(&pairs[0].text.state());
    for pair in &pairs {
        pair.check();
        assert!(
            pair.applied.iter().copied().eq(lanes.iter().map(Vec::len)),
            "nothing waits for ever"
        );
        assert_eq!(encode(&pair.text.state()), bytes);
    }
}

/// Takes the next operation of a source, if it is there and valid here.
fn hear(pair: &mut Pair, source: usize, sources: &[Actor], lanes: &[Vec<Op<char>>]) {
    if let Some(op) = lanes[source].get(pair.applied[source])
        && pair.text.validate(&sources[source], op)
    {
        pair.apply(source, op);
    }
}

/// Whoever starts from a snapshot goes on like those who were there.
#[quickcheck]
fn a_newcomer_writes_and_reads_on_as_if_it_had_been_there(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let sources = actors(3);
    let mut old = Text::new(sources[0]);
    for step in 0..80 {
        let from = sources[random.random_range(0..3)];
        let mut here = Text::new(from);
        here.sync_from(old.state());
        assert_eq!(here.to_string(), old.to_string(), "step {step}");
        let op = text_op(&mut random, &here, &from);
        if old.validate(&from, &op) {
            here.apply(op.clone());
            old.apply(op);
        }
        assert_eq!(here.state(), old.state());
    }
}

#[quickcheck]
fn one_author_alone_edits_a_string(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut text, mut letters) = (Text::new(actors(1)[0]), Vec::new());
    for _ in 0..200 {
        let at = random.random_range(0..=letters.len());
        let end = letters.len().min(at + random.random_range(0..9));
        let op = text.delete(at..end).filter(|_| random.random());
        let op = if let Some(op) = op {
            letters.drain(at..end);
            op
        } else {
            let word = word(&mut random);
            letters.splice(at..at, word.chars());
            text.insert(at, &word).expect("a position")
        };
        assert!(text.validate(&actors(1)[0], &op));
        text.apply(op);
        assert!(text.iter().eq(&letters));
        let shown: String = letters.iter().skip(at).take(end - at).collect();
        assert_eq!(text.slice(at..end), shown);
    }
}

// ---- what a liar tries ----

fn alice() -> Actor {
    actors(3)[0]
}

fn bob() -> Actor {
    actors(3)[1]
}

fn id(source: Actor, counter: u32) -> Id {
    Id { source, counter }
}

fn insert(id: Id, parent: Option<Id>, side: Side, text: &str) -> Op<char> {
    Op::Insert {
        id,
        parent,
        side,
        elements: text.chars().collect(),
    }
}

fn delete<const N: usize>(spans: [(Actor, u32, u32); N]) -> Op<char> {
    let spans = spans.map(|(source, first, last)| Span {
        source,
        first,
        last,
    });
    Op::Delete {
        spans: spans.into(),
    }
}

/// `abc` by Alice, and `xy` by Bob after it.
fn words() -> Text {
    let mut text = Text::new(alice());
    text.apply(insert(id(alice(), 1), None, Side::Right, "abc"));
    text.apply(insert(
        id(bob(), 1),
        Some(id(alice(), 3)),
        Side::Right,
        "xy",
    ));
    assert_eq!(text.to_string(), "abcxy");
    text
}

#[test]
fn an_insertion_is_by_its_author_under_its_next_number_and_on_what_there_is() {
    let text = words();
    let (own, right) = (Some(id(alice(), 3)), Side::Right);
    let never = [
        ("another's name", insert(id(bob(), 3), own, right, "z")),
        ("a number again", insert(id(alice(), 3), own, right, "z")),
        ("a gap", insert(id(alice(), 5), own, right, "z")),
        ("number 0", insert(id(alice(), 0), own, right, "z")),
        (
            "the largest number",
            insert(id(alice(), u32::MAX), own, right, "z"),
        ),
        ("nothing", insert(id(alice(), 4), own, right, "")),
        (
            "before the start",
            insert(id(alice(), 4), None, Side::Left, "z"),
        ),
        (
            "parent 0",
            insert(id(alice(), 4), Some(id(bob(), 0)), right, "z"),
        ),
        (
            "beyond any budget",
            insert(id(alice(), 4), Some(id(bob(), u32::MAX)), right, "z"),
        ),
        (
            "on itself",
            insert(id(alice(), 4), Some(id(alice(), 4)), right, "z"),
        ),
        (
            "on its own to come",
            insert(id(alice(), 4), Some(id(alice(), 9)), right, "z"),
        ),
    ];
    for (what, op) in never {
        assert!(
            matches!(text.verdict(&alice(), &op), Verdict::Never(_)),
            "{what}"
        );
    }
    for early in [id(bob(), 3), id(actors(3)[2], 1)] {
        let op = insert(id(alice(), 4), Some(early), right, "z");
        assert!(matches!(text.verdict(&alice(), &op), Verdict::NotYet(_)));
    }
    assert!(text.validate(
        &alice(),
        &insert(id(alice(), 4), Some(id(bob(), 1)), Side::Left, "z")
    ));
}

#[test]
fn a_deletion_names_spans_in_order_of_elements_that_are_here() {
    let text = words();
    let (a, b) = (alice().min(bob()), alice().max(bob()));
    let last = |actor| if actor == alice() { 3 } else { 2 };
    let never = [
        ("nothing", delete([])),
        ("number 0", delete([(alice(), 0, 1)])),
        ("backwards", delete([(alice(), 2, 1)])),
        ("out of order", delete([(b, 1, 1), (a, 1, 1)])),
        ("overlapping", delete([(alice(), 1, 2), (alice(), 2, 3)])),
        (
            "two where one would do",
            delete([(alice(), 1, 1), (alice(), 2, 3)]),
        ),
        ("its own to come", delete([(alice(), 1, 4)])),
        ("without end", delete([(bob(), 1, u32::MAX)])),
        (
            "first early and then forged",
            delete([(a, 1, last(a) + 1), (b, 1, u32::MAX)]),
        ),
        (
            "first forged and then early",
            delete([(a, 1, u32::MAX), (b, 1, last(b) + 1)]),
        ),
    ];
    for (what, op) in never {
        assert!(
            matches!(text.verdict(&alice(), &op), Verdict::Never(_)),
            "{what}"
        );
    }
    let early = delete([(bob(), 1, 3)]);
    assert!(matches!(text.verdict(&alice(), &early), Verdict::NotYet(_)));
    assert!(
        matches!(text.verdict(&bob(), &early), Verdict::Never(_)),
        "its own to come"
    );
    let many = |count: u32| Op::Delete {
        spans: (1..=count)
            .map(|n| Span {
                source: bob(),
                first: 2 * n,
                last: 2 * n,
            })
            .collect(),
    };
    let most = SPANS_PER_OP as u32;
    assert!(matches!(
        text.verdict(&alice(), &many(most)),
        Verdict::NotYet(_)
    ));
    assert!(matches!(
        text.verdict(&alice(), &many(most + 1)),
        Verdict::Never(_)
    ));
}

#[test]
fn what_two_delete_is_deleted_once_and_what_is_deleted_is_gone() {
    let mut text = words();
    text.apply(delete([(alice(), 2, 3)]));
    text.apply(delete([(bob(), 1, 1)]));
    assert_eq!(text.to_string(), "ay");
    let again = delete([(alice(), 1, 3)]);
    assert!(text.validate(&bob(), &again));
    text.apply(again);
    assert_eq!(text.to_string(), "y");
    assert_eq!(text.position(&id(alice(), 2)), Some(0));
    let held = format!("{:?}", text.state());
    assert!(
        "abcx"
            .chars()
            .all(|letter| !held.contains(&format!("{letter:?}"))),
        "{held}"
    );
}

#[test]
fn words_that_two_type_at_one_place_at_one_time_do_not_mix() {
    let mut common = Text::new(alice());
    common.apply(insert(id(alice(), 1), None, Side::Right, "()"));
    for backwards in [false, true] {
        let typed = |from: Actor, word: &str| {
            let mut text = Text::new(from);
            text.sync_from(common.state());
            let mut ops = Vec::new();
            for (typed, letter) in word.chars().enumerate() {
                let at = if backwards { 1 } else { 1 + typed };
                let op = text.insert(at, &letter.to_string()).expect("a position");
                text.apply(op.clone());
                ops.push(op);
            }
            ops
        };
        let (hers, his) = (typed(alice(), "alice"), typed(bob(), "bob"));
        let mut text = common.clone();
        hers.into_iter().chain(his).for_each(|op| text.apply(op));
        let shown = text.to_string();
        let words = if backwards {
            ["ecila", "bob"]
        } else {
            ["alice", "bob"]
        };
        assert!(words.iter().all(|word| shown.contains(word)), "{shown}");
    }
}

#[test]
fn who_comes_first_at_one_place_is_by_lot_and_neither_by_key_nor_by_number() {
    let mut first = [0, 0];
    for place in 1..=64 {
        let mut text = Text::new(alice());
        text.apply(insert(id(alice(), 1), None, Side::Right, &"-".repeat(64)));
        let parent = Some(id(alice(), place));
        let (small, large) = (alice().min(bob()), alice().max(bob()));
        let next = |actor| if actor == alice() { 65 } else { 1 };
        for (actor, letter) in [(small, "s"), (large, "l")] {
            text.apply(insert(id(actor, next(actor)), parent, Side::Left, letter));
        }
        let shown = text.to_string();
        first[usize::from(shown.find('s') < shown.find('l'))] += 1;
    }
    assert!(first.iter().all(|times| *times > 16), "{first:?}");
}

/// As many elements as a test has time for. Work in proportion to them for each operation would not
/// come to its end.
const MANY: u32 = 40_000;

fn roomy() -> Text {
    let budget = Budget {
        entries: 1 << 24,
        ..Budget::default()
    };
    Text::with_budget(alice(), budget)
}

/// Applies what is valid, and sees that it is.
fn take(text: &mut Text, from: Actor, op: Op<char>) {
    assert!(text.validate(&from, &op), "{op:?}");
    text.apply(op);
}

fn survives(text: &Text) {
    let bytes = encode(&text.state());
    let state = decode::<State<char>>(&bytes, bytes.len()).expect("its own state");
    let mut newcomer = roomy();
    newcomer.sync_from(state);
    assert!(newcomer.iter().eq(text.iter()));
    assert_eq!(encode(&newcomer.state()), bytes);
}

#[test]
fn a_tree_as_deep_as_a_liar_likes_takes_no_walk() {
    let mut text = roomy();
    take(
        &mut text,
        alice(),
        insert(id(alice(), 1), None, Side::Right, "a"),
    );
    take(
        &mut text,
        alice(),
        insert(id(alice(), 2), None, Side::Right, "b"),
    );
    for counter in 3..MANY {
        let side = if counter % 3 == 0 {
            Side::Left
        } else {
            Side::Right
        };
        take(
            &mut text,
            alice(),
            insert(
                id(alice(), counter),
                Some(id(alice(), counter - 2)),
                side,
                "x",
            ),
        );
    }
    // On the whole depth there are siblings to be put before and after the deepest of them.
    for counter in 1..MANY / 4 {
        let side = if counter % 2 == 0 {
            Side::Left
        } else {
            Side::Right
        };
        take(
            &mut text,
            bob(),
            insert(id(bob(), counter), Some(id(alice(), counter)), side, "y"),
        );
    }
    assert_eq!(text.len() as u32, MANY - 1 + MANY / 4 - 1);
    survives(&text);
}

#[test]
fn as_many_siblings_as_a_liar_likes_take_no_walk() {
    let mut text = roomy();
    take(
        &mut text,
        alice(),
        insert(id(alice(), 1), None, Side::Right, "a"),
    );
    for counter in 1..MANY {
        let side = if counter % 2 == 0 {
            Side::Left
        } else {
            Side::Right
        };
        take(
            &mut text,
            bob(),
            insert(id(bob(), counter), Some(id(alice(), 1)), side, "y"),
        );
    }
    assert_eq!(text.position(&id(alice(), 1)), Some(MANY as usize / 2 - 1));
    survives(&text);
}

#[test]
fn a_deletion_of_very_many_pieces_is_paid_for_once() {
    let mut text = roomy();
    for counter in 1..MANY {
        let op = text.insert(0, "x").expect("the start");
        assert!(matches!(op, Op::Insert { id, .. } if id.counter == counter));
        text.apply(op);
    }
    let all = delete([(alice(), 1, MANY - 1)]);
    for _ in 0..MANY {
        take(&mut text, bob(), all.clone());
    }
    assert!(text.is_empty());
    assert_eq!(text.delete(0..1), None);
    survives(&text);
}

#[test]
fn runs_that_are_cut_to_pieces_from_all_sides_stay_one_text() {
    let mut text = roomy();
    let word: String = ('a'..='z').cycle().take(10_000).collect();
    take(
        &mut text,
        alice(),
        insert(id(alice(), 1), None, Side::Right, &word),
    );
    for counter in (2..10_000).step_by(3) {
        take(&mut text, bob(), delete([(alice(), counter, counter)]));
    }
    for counter in (3..10_000).rev().step_by(3) {
        take(&mut text, bob(), delete([(alice(), counter, counter)]));
    }
    let expected: String = word
        .chars()
        .enumerate()
        .filter(|(i, _)| i % 3 == 0)
        .map(|(_, c)| c)
        .collect();
    assert_eq!(text.to_string(), expected);
    survives(&text);
}

#[test]
fn a_source_floods_nobody_beyond_its_budget_however_it_cuts_its_operations() {
    let budget = Budget {
        op_bytes: 8,
        entries: 20,
        bytes: 30,
    };
    for (letter, most) in [('x', 20), ('é', 15), ('🦀', 7)] {
        for len in 1..10 {
            let mut text = Text::with_budget(alice(), budget);
            let word = String::from_iter(vec![letter; len]);
            while let Some(op) = text
                .insert(0, &word)
                .filter(|op| text.validate(&alice(), op))
            {
                text.apply(op);
                let gone = text.delete(0..1).expect("a letter");
                take(&mut text, alice(), gone);
            }
            let over = text.insert(0, &word).expect("the start");
            assert!(matches!(text.verdict(&alice(), &over), Verdict::Never(_)));
            assert!(text.len() < most + 1, "{letter} by {len}");
            if len == 1 {
                let end = encode(&text.state());
                let mut same = Text::with_budget(bob(), budget);
                same.sync_from(decode(&end, end.len()).expect("its own state"));
                assert!(
                    !same.validate(&alice(), &over),
                    "a snapshot remembers what is used"
                );
                assert!(same.validate(&bob(), &insert(id(bob(), 1), None, Side::Right, "x")));
            }
        }
    }
}

#[test]
fn a_budget_is_part_of_the_configuration() {
    let tight = Text::with_budget(
        alice(),
        Budget {
            entries: 5,
            ..Budget::default()
        },
    );
    assert_ne!(tight.configuration(), words().configuration());
}

// ---- states that were never a list's ----

type Run = (u32, Option<(u32, u32)>, Side);
type Lane = (u32, Vec<Run>, Vec<(u32, u32)>, Vec<char>, u64);

fn read(sources: &[Actor], lanes: &[Lane]) -> bool {
    let bytes = encode(&(sources.to_vec(), lanes.to_vec()));
    decode::<State<char>>(&bytes, bytes.len()).is_ok()
}

fn lane(runs: &[Run]) -> Lane {
    (4, runs.to_vec(), vec![(2, 2)], vec!['a', 'b', 'c'], 4)
}

#[test]
fn a_state_that_no_list_can_have_is_refused() {
    let (one, two) = (alice().min(bob()), alice().max(bob()));
    let start = (1, None, Side::Right);
    let good = lane(&[start, (3, Some((0, 1)), Side::Left)]);
    assert!(read(&[one], std::slice::from_ref(&good)));
    assert!(read(
        &[one, two],
        &[good.clone(), lane(&[(1, Some((0, 4)), Side::Right)])]
    ));
    let with = |change: fn(&mut Lane)| {
        let mut lane = good.clone();
        change(&mut lane);
        [lane]
    };
    let forged = [
        with(|lane| lane.0 = 5),
        with(|lane| lane.0 = 3),
        with(|lane| lane.4 = 2),
        with(|lane| *lane = (0, Vec::new(), Vec::new(), Vec::new(), 0)),
        with(|lane| lane.2 = vec![(0, 0)]),
        with(|lane| lane.2 = vec![(5, 5)]),
        with(|lane| lane.2 = vec![(2, 1), (2, 3)]),
        with(|lane| lane.2 = vec![(1, u32::MAX)]),
        with(|lane| (lane.2, lane.3) = (vec![(1, 1), (2, 2)], vec!['a', 'b'])),
        with(|lane| lane.1.clear()),
        with(|lane| lane.1[0].0 = 2),
        with(|lane| lane.1[0].2 = Side::Left),
        with(|lane| lane.1[1].0 = 1),
        with(|lane| lane.1[1].0 = 5),
        with(|lane| lane.1[1].1 = Some((0, 0))),
        with(|lane| lane.1[1].1 = Some((0, 5))),
        with(|lane| lane.1[1].1 = Some((1, 1))),
        with(|lane| lane.1[1].1 = Some((u32::MAX, u32::MAX))),
        with(|lane| lane.1[1].1 = Some((0, 4))),
        with(|lane| lane.1[1] = (3, Some((0, 2)), Side::Right)),
    ];
    for lanes in forged {
        assert!(!read(&[one], &lanes), "{lanes:?}");
    }
    assert!(
        !read(&[two, one], &[good.clone(), good.clone()]),
        "out of order"
    );
    assert!(!read(&[one, one], &[good.clone(), good.clone()]), "twice");
    assert!(!read(&[one], &[]), "a source without elements");
    let circle = [
        lane(&[(1, Some((1, 1)), Side::Left)]),
        lane(&[(1, Some((0, 1)), Side::Left)]),
    ];
    assert!(!read(&[one, two], &circle), "each hangs on the other");
}

#[test]
fn a_list_holds_what_is_no_character() {
    let mut list = List::<String>::new(alice());
    let op = list
        .insert_all(0, ["milk", "bread"].map(String::from))
        .expect("the start");
    assert_eq!(op.to_string(), "+milkbread");
    list.apply(op);
    let op = list.delete(0..1).expect("an element");
    assert_eq!(op.to_string(), "-1");
    list.apply(op);
    assert!(list.iter().eq(["bread"]));
    assert_eq!(list.insert_all(2, []), None, "beyond the end");
    assert_eq!(list.delete(0..2), None, "beyond the end");
}

#[test]
fn labels_are_short() {
    let label = |text: &str| insert(id(alice(), 1), None, Side::Right, text).to_string();
    assert_eq!(label("word"), "+word");
    assert_eq!(label(&"é".repeat(39)).chars().count(), 40);
    assert_eq!(label(&"é".repeat(39)).chars().last(), Some('é'));
    assert_eq!(label(&"é".repeat(1000)).chars().count(), 40);
    assert!(label(&"é".repeat(1000)).ends_with('…'));
    assert_eq!(
        delete([(alice(), 1, 3), (bob(), 2, u32::MAX)]).to_string(),
        "-4294967297"
    );
}

// ---- on a network ----

/// Four write into one text on links that lose and harm packets; one of them says one thing to some
/// and another to the rest.
#[test]
fn four_write_one_text_in_spite_of_an_equivocator() {
    let mut net = Net::<Text>::builder(3)
        .members(4)
        .byzantine(Equivocator::default())
        .faults(Faults::hostile())
        .build();
    let (honest, liar) = (net.honest_actors(), net.liars()[0]);
    for (who, word) in honest.iter().zip(["one ", "two ", "three "]) {
        assert_eq!(net.insert(who, 0, word), Ok(true));
    }
    for lie in ["truth ", "lies ", "more lies "] {
        net.insert(&liar, 0, lie).expect("valid");
    }
    net.run_for(100_000);
    assert_eq!(net.delete(&honest[0], 0..2), Ok(true));
    assert_eq!(net.insert(&honest[1], 1_000, "beyond the end"), Ok(false));
    net.settle();
    let text = net.read(&honest[0]).to_string();
    for who in &honest {
        assert_eq!(net.read(who).to_string(), text);
        assert_eq!(net.read(who).state(), net.read(&honest[0]).state());
    }
    assert!(!net.lies().is_empty(), "the liar lied");
}

#[quickcheck]
fn texts_agree_and_fall_silent_whatever_happens(scenario: Scenario) {
    let played = Subject::text().play(&scenario, Signatures::default());
    assert!(played.is_ok(), "{:?}", played.err());
}
