//! A data type gets a new kind of operation, and the members get the new version one after the
//! other.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

use crate::common::keys;
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::{
    BlockReason, Fault, Packet, Record, RecoverError, Replica, Step,
};
use bft_crdts::membership::{Change, Genesis};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, SigningActor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Notes that anybody adds. Which operations there are, the version says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Notes<O> {
    notes: BTreeSet<u8>,
    version: PhantomData<O>,
}

/// What an operation does in any version.
trait Operation: Debug + Clone + Hash + Eq + Serialize + DeserializeOwned + 'static {
    fn act(self, notes: &mut BTreeSet<u8>);
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum First {
    Put(u8),
}

/// The second version: the operations of the first, and behind them a new one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Second {
    Put(u8),
    PutBoth(u8, u8),
}

impl Operation for First {
    fn act(self, notes: &mut BTreeSet<u8>) {
        let Self::Put(note) = self;
        notes.insert(note);
    }
}

impl Operation for Second {
    fn act(self, notes: &mut BTreeSet<u8>) {
        match self {
            Self::Put(note) => notes.extend([note]),
            Self::PutBoth(one, other) => notes.extend([one, other]),
        }
    }
}

impl<O: Operation> SecureBroadcastAlgorithm for Notes<O> {
    type Op = O;
    type ReplicatedState = BTreeSet<u8>;
    const NAME: &'static str = "notes/1";

    fn new(_: Actor) -> Self {
        Self {
            notes: BTreeSet::new(),
            version: PhantomData,
        }
    }

    fn state(&self) -> BTreeSet<u8> {
        self.notes.clone()
    }

    fn sync_from(&mut self, other: BTreeSet<u8>) {
        self.notes = other;
    }

    fn validate(&self, _: &Actor, _: &O) -> bool {
        true
    }

    fn apply(&mut self, op: O) {
        op.act(&mut self.notes);
    }
}

/// A replica of one version or the other.
enum Member {
    Old(Box<Replica<Notes<First>>>),
    New(Box<Replica<Notes<Second>>>),
}

/// The same of both.
macro_rules! of {
    ($member:expr, $replica:ident => $value:expr) => {
        match $member {
            Member::Old($replica) => $value,
            Member::New($replica) => $value,
        }
    };
}

/// Four members, each with what it made durable.
struct Office {
    keys: Vec<SigningActor>,
    genesis: Genesis,
    members: Vec<Member>,
    records: Vec<Vec<Record>>,
    faults: Vec<Vec<Fault>>,
    wire: VecDeque<Packet>,
}

type Recovered<O> = (Box<Replica<Notes<O>>>, Step);

fn recover<O: Operation>(office: &Office, seat: usize) -> Result<Recovered<O>, RecoverError> {
    let (key, records) = (office.keys[seat].clone(), office.records[seat].clone());
    let notes = Notes::new(key.actor());
    let recovered = Replica::recover(key, notes, office.genesis.clone(), records)?;
    let (replica, step) = recovered;
    Ok((Box::new(replica), step))
}

impl Office {
    /// All have the first version.
    fn new() -> Self {
        let keys = keys(4);
        let notes = Notes::<First>::new(keys[0].actor());
        let actors = keys.iter().map(SigningActor::actor).collect();
        let genesis = Genesis::new(&notes, actors, Limits::default(), [0; 32]);
        let mut office = Self {
            genesis: genesis.expect("four members"),
            members: Vec::new(),
            records: vec![Vec::new(); 4],
            faults: vec![Vec::new(); 4],
            wire: VecDeque::new(),
            keys,
        };
        for seat in 0..4 {
            let (replica, step) = recover::<First>(&office, seat).expect("a first start");
            office.members.push(Member::Old(replica));
            office.take(seat, step);
        }
        office.run();
        office
    }

    fn take(&mut self, seat: usize, step: Step) {
        self.wire.extend(step.packets());
        self.records[seat].extend(step.persist);
        self.faults[seat].extend(step.faults);
    }

    /// Ends a member, and starts the new version on its store.
    fn upgrade(&mut self, seat: usize) {
        let recovered = recover::<Second>(self, seat);
        let (replica, step) = recovered.expect("what the old version wrote is read");
        self.members[seat] = Member::New(replica);
        self.take(seat, step);
        self.run();
    }

    /// Ends a member, and starts the old version on its store.
    fn restart_old(&mut self, seat: usize) -> Result<(), RecoverError> {
        let (replica, step) = recover::<First>(self, seat)?;
        self.members[seat] = Member::Old(replica);
        self.take(seat, step);
        self.run();
        Ok(())
    }

    fn put(&mut self, seat: usize, note: u8) {
        match &mut self.members[seat] {
            Member::Old(replica) => {
                let step = replica.propose(First::Put(note)).expect("valid");
                self.take(seat, step);
            }
            Member::New(replica) => {
                let step = replica.propose(Second::Put(note)).expect("valid");
                self.take(seat, step);
            }
        }
        self.run();
    }

    fn put_both(&mut self, seat: usize, one: u8, other: u8) {
        let Member::New(replica) = &mut self.members[seat] else {
            panic!("the old version has no such operation");
        };
        let step = replica.propose(Second::PutBoth(one, other)).expect("valid");
        self.take(seat, step);
        self.run();
    }

    fn renew(&mut self, by: &[usize]) {
        for seat in by {
            of!(&mut self.members[*seat], replica => {
                let step = replica.approve(Change::Renew).expect("a member");
                self.take(*seat, step);
            });
        }
        self.run();
    }

    fn carry(&mut self) {
        while let Some(packet) = self.wire.pop_front() {
            let to = self.keys.iter().position(|key| key.actor() == packet.to);
            let seat = to.expect("a member");
            // A packet may come too late.
            of!(&mut self.members[seat], replica => {
                if let Ok(step) = replica.handle_packet(packet) {
                    self.take(seat, step);
                }
            });
        }
    }

    fn run(&mut self) {
        for _ in 0..40 {
            for seat in 0..self.members.len() {
                of!(&mut self.members[seat], replica => {
                    let step = replica.tick();
                    self.take(seat, step);
                });
            }
            self.carry();
        }
    }

    fn notes(&self, seat: usize) -> Vec<u8> {
        let notes = of!(&self.members[seat], replica => replica.algorithm().state());
        notes.into_iter().collect()
    }

    /// What the first message of `source` that is not delivered at `seat` waits for.
    fn why(&self, seat: usize, source: usize) -> Option<BlockReason> {
        let source = self.keys[source].actor();
        let held = of!(&self.members[seat], replica => replica.blocked());
        let mut held = held.into_iter();
        held.find(|held| held.dot.source == source)
            .map(|held| held.why)
    }

    fn assert_blames_nobody(&self) {
        for (member, faults) in self.members.iter().zip(&self.faults) {
            assert!(of!(member, replica => replica.convicted().is_empty()));
            let only =
                |fault: &Fault| matches!(fault, Fault::Invalid { .. } | Fault::Unreadable { .. });
            assert!(faults.iter().all(only), "{faults:?}");
        }
    }
}

/// The lane of the source waits for a quorum with the new version, and nothing else does.
#[test]
fn a_new_operation_waits_until_a_quorum_has_the_new_version_and_all_else_goes_on() {
    let mut office = Office::new();
    office.put(0, 1);
    office.upgrade(0);
    office.put(0, 2);
    office.put_both(0, 3, 4);
    office.put(0, 5);
    office.put(1, 6);
    for seat in 0..4 {
        assert_eq!(office.notes(seat), [1, 2, 6]);
    }
    let unreadable = |certified| Some(BlockReason::Unreadable { certified });
    for seat in 1..4 {
        assert_eq!(office.why(seat, 0), unreadable(false));
    }
    let Some(BlockReason::EchoesMissing { missing, .. }) = office.why(0, 0) else {
        panic!("{:?}", office.why(0, 0));
    };
    assert_eq!(missing.len(), 3);
    office.upgrade(1);
    assert_eq!(office.notes(1), [1, 2, 6]);
    office.upgrade(2);
    for seat in 0..3 {
        assert_eq!(office.notes(seat), [1, 2, 3, 4, 5, 6]);
    }

    // Who stays behind lacks that source, and delivers all others.
    assert_eq!(office.why(3, 0), unreadable(true));
    let certified = |fault: &Fault| matches!(fault, Fault::Unreadable { .. });
    assert_eq!(
        office.faults[3].iter().filter(|it| certified(it)).count(),
        1
    );
    office.put(1, 7);
    office.put(3, 8);
    assert_eq!(office.notes(3), [1, 2, 6, 7, 8]);
    office.restart_old(3).expect("what it has not applied");
    assert_eq!(office.why(3, 0), unreadable(true));
    office.upgrade(3);
    for seat in 0..4 {
        assert_eq!(office.notes(seat), [1, 2, 3, 4, 5, 6, 7, 8]);
    }
    office.assert_blames_nobody();
}

#[test]
fn a_member_that_has_used_the_new_version_does_not_go_back() {
    let mut office = Office::new();
    office.upgrade(0);
    office.restart_old(0).expect("nothing new was said");
    office.upgrade(0);
    office.put_both(0, 1, 2);
    let back = office.restart_old(0);
    assert!(matches!(back, Err(RecoverError::Record { .. })));
}

/// To it, a generation that begins after what it cannot read is one in which it has no part yet.
#[test]
fn a_member_with_the_old_version_stays_in_its_generation_until_it_has_the_new_one() {
    let mut office = Office::new();
    for seat in 0..3 {
        office.upgrade(seat);
    }
    office.put_both(0, 1, 2);
    office.renew(&[0, 1, 2]);
    office.put(1, 3);
    let generation = |office: &Office, seat: usize| {
        let generation = of!(&office.members[seat], replica => replica.generation());
        generation.number()
    };
    for seat in 0..3 {
        assert_eq!(generation(&office, seat), 1);
        assert_eq!(office.notes(seat), [1, 2, 3]);
    }
    assert_eq!((generation(&office, 3), office.notes(3)), (0, vec![]));
    let unreadable = BlockReason::Unreadable { certified: true };
    assert_eq!(office.why(3, 0), Some(unreadable));
    office.upgrade(3);
    office.put(3, 4);
    for seat in 0..4 {
        assert_eq!(generation(&office, seat), 1);
        assert_eq!(office.notes(seat), [1, 2, 3, 4]);
    }
    office.assert_blames_nobody();
}
