//! A disk that loses power: of what was not synced, anything may be there.

use std::io;
use std::sync::{Arc, Mutex};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// Bytes that a disk writes at once.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
struct Platter {
    /// What is durable.
    synced: Vec<u8>,
    /// What is read: with all that was written since.
    present: Vec<u8>,
    /// Writes left until power fails.
    left: Option<u32>,
}

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    fn with<T>(&self, use_it: impl FnOnce(&mut Platter) -> T) -> T {
        use_it(&mut self.0.lock().expect("one thread"))
    }

    /// Counts down; an error once power has failed.
    fn spend(platter: &mut Platter) -> io::Result<()> {
        match &mut platter.left {
            Some(0) => Err(io::ErrorKind::BrokenPipe.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The disk as it is found after the cut: any of the sectors that were not synced are as they
    /// were before.
    fn after_cut(&self, random: &mut impl Rng) -> Self {
        self.with(|platter| {
            let mut found = platter.present.clone();
            if random.random_range(0..4) == 0 {
                found.truncate(platter.synced.len().max(SECTOR));
            }
            let keep = random.random_range(0..=4);
            let old = platter.synced.chunks(SECTOR);
            for (now, old) in found.chunks_mut(SECTOR).zip(old) {
                if now.len() == old.len() && random.random_range(0..4) >= keep {
                    now.copy_from_slice(old);
                }
            }
            Self(Arc::new(Mutex::new(Platter {
                synced: found.clone(),
                present: found,
                left: None,
            })))
        })
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.with(|platter| Ok(platter.present.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|platter| {
            let from = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
            let bytes = platter.present.get(from..from + out.len());
            out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|platter| {
            Self::spend(platter)?;
            let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
            platter.present.resize(len, 0);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|platter| {
            Self::spend(platter)?;
            platter.synced.clone_from(&platter.present);
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|platter| {
            Self::spend(platter)?;
            let from = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
            let place = platter.present.get_mut(from..from + data.len());
            place
                .ok_or(io::ErrorKind::UnexpectedEof)?
                .copy_from_slice(data);
            Ok(())
        })
    }
}

/// Appends groups, and replaces the log now and then, until power fails. Answers what was
/// acknowledged, and what was under way.
fn write_until_the_cut(store: &mut DurableStore, random: &mut impl Rng) -> (Vec<Record>, Pending) {
    let mut durable = Vec::new();
    let mut next = 0;
    loop {
        let group = records(next..next + random.random_range(1..6));
        next += group.len() as u64;
        if random.random_range(0..8) == 0 {
            if store.replace(&group).is_err() {
                return (durable, Pending::Replaced(group));
            }
            durable = group;
        } else {
            if store.append(&group).is_err() {
                return (durable, Pending::Appended(group));
            }
            durable.extend(group);
        }
    }
}

enum Pending {
    Appended(Vec<Record>),
    Replaced(Vec<Record>),
}

#[test]
fn a_power_cut_loses_nothing_acknowledged_and_leaves_whole_groups() {
    let mut under_way = 0;
    for seed in 0..400u64 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let disk = Disk::default();
        let mut store = DurableStore::begin(disk.clone(), key()).expect("power is on");
        disk.with(|platter| platter.left = Some(random.random_range(0..120)));
        let (durable, pending) = write_until_the_cut(&mut store, &mut random);
        drop(store);
        let disk = disk.after_cut(&mut random);
        let mut store = DurableStore::go_on(disk).unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
        let found = store
            .load()
            .unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
        let after = match pending {
            Pending::Appended(group) => [durable.clone(), group].concat(),
            Pending::Replaced(group) => group,
        };
        assert!(found == durable || found == after, "seed {seed}: {found:?}");
        under_way += u32::from(found == after);
        store.append(&records(90..91)).expect("power is on");
        let all = [found, records(90..91)].concat();
        assert_eq!(store.load().expect("a log"), all, "seed {seed}");
    }
    assert!(under_way > 0, "no cut left what was under way");
}

/// The file is made smaller in several transactions.
#[test]
fn a_power_cut_while_the_file_shrinks_leaves_the_old_log_or_the_new_one() {
    let full = Disk::default();
    let mut store = DurableStore::begin(full.clone(), key()).expect("power is on");
    let much = [Record::Queued(vec![1; 20 << 20].into())];
    store.append(&much).expect("power is on");
    drop(store);
    let (mut old, mut new) = (0, 0);
    for cut in (0u32..).step_by(5) {
        let mut random = ChaCha8Rng::seed_from_u64(cut.into());
        let disk = full.with(|platter| {
            Disk(Arc::new(Mutex::new(Platter {
                synced: platter.present.clone(),
                present: platter.present.clone(),
                left: None,
            })))
        });
        let mut store = DurableStore::go_on(disk.clone()).expect("power is on");
        disk.with(|platter| platter.left = Some(cut));
        let replaced = store.replace(&records(0..9));
        drop(store);
        if replaced.is_ok() {
            break;
        }
        let mut store = DurableStore::go_on(disk.after_cut(&mut random));
        let store = store
            .as_mut()
            .unwrap_or_else(|e| panic!("cut {cut}: {e:?}"));
        let found = store.load().unwrap_or_else(|e| panic!("cut {cut}: {e:?}"));
        assert!(found == much || found == records(0..9), "cut {cut}");
        if found == much {
            old += 1
        } else {
            new += 1
        }
        store.append(&records(90..91)).expect("power is on");
    }
    assert!(old > 0 && new > 0, "{old} cuts before, {new} after");
}
