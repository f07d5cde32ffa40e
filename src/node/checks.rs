//! Where the signatures of packets that wait are checked: by another thread, where there is more
//! than one core, so that the replica takes in other things meanwhile.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc as jobs;
use std::thread::{self, available_parallelism};

use tokio::sync::mpsc;

use super::links::Arrival;
use crate::actor::Work;
use crate::deterministic_secure_broadcast::{Precheck, Prechecked};

/// Signatures for which another thread is asked. Fewer are checked before it would be awake.
const WORTH: usize = 4;

/// Packets, and what was found out about their signatures.
pub(super) struct Checked {
    pub(super) prechecked: Prechecked,
    pub(super) arrivals: VecDeque<Arrival>,
    /// Signatures that another thread checked.
    pub(super) elsewhere: u64,
}

/// At most one check is under way, of as many packets as are checked together.
pub(super) struct Checks {
    /// Signatures for which the other thread is asked.
    worth: usize,
    /// None where there is one core alone.
    beside: Option<Beside>,
    under_way: bool,
}

/// A thread that ends when this is dropped.
struct Beside {
    jobs: jobs::Sender<(Precheck, VecDeque<Arrival>)>,
    done: mpsc::Receiver<Checked>,
}

impl Checks {
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start() -> io::Result<Self> {
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self {
            worth: WORTH,
            beside: (cores > 1).then(Beside::start).transpose()?,
            under_way: false,
        })
    }

    pub(super) fn are_under_way(&self) -> bool {
        self.under_way
    }

    /// Checks what is worth it beside this thread, and the rest at once.
    ///
    /// `None` when it is under way: [`done`](Self::done) brings it. None may be under way before.
    pub(super) fn check(
        &mut self,
        precheck: Precheck,
        arrivals: VecDeque<Arrival>,
    ) -> Option<Checked> {
        assert!(!self.under_way, "one check at a time");
        match &self.beside {
            Some(beside) if precheck.len() >= self.worth => {
                let sent = beside.jobs.send((precheck, arrivals));
                sent.expect("the thread ends after us");
                self.under_way = true;
                None
            }
            _ => Some(Checked {
                prechecked: precheck.run(),
                arrivals,
                elsewhere: 0,
            }),
        }
    }

    /// Waits for what is under way; for ever, where nothing is. Nothing is lost when the waiting is
    /// given up.
    ///
    /// # Panics
    /// When the check did.
    pub(super) async fn done(&mut self) -> Checked {
        match &mut self.beside {
            Some(beside) if self.under_way => {
                let checked = beside.done.recv().await.expect("a check does not panic");
                self.under_way = false;
                checked
            }
            _ => std::future::pending().await,
        }
    }
}

impl Beside {
    fn start() -> io::Result<Self> {
        let (jobs, waiting) = jobs::channel();
        let (tell, done) = mpsc::channel(1);
        let check = move || {
            for (precheck, arrivals) in waiting {
                let before = Work::so_far().verifications;
                let prechecked = Precheck::run(precheck);
                let checked = Checked {
                    prechecked,
                    arrivals,
                    elsewhere: Work::so_far().verifications - before,
                };
                // The node may have stopped meanwhile.
                let _ = tell.blocking_send(checked);
            }
        };
        let thread = thread::Builder::new().name("signatures".to_owned());
        thread.spawn(check)?;
        Ok(Self { jobs, done })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    use tokio::sync::Semaphore;

    use super::*;
    use crate::actor::Actor;
    use crate::deterministic_secure_broadcast::{Body, Packet, PullRequest};
    use crate::quorum::Generation;

    fn is_ready(done: impl Future<Output = Checked>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(done).poll(&mut context).is_ready()
    }

    #[tokio::test]
    async fn what_is_checked_beside_comes_back_with_its_room_however_often_one_stops_waiting() {
        let room = Arc::new(Semaphore::new(1));
        let arrival = || Arrival {
            packet: Packet {
                from: Actor::from_bytes([1; 32]),
                to: Actor::from_bytes([2; 32]),
                body: Body::PullRequest(PullRequest {
                    summary: None,
                    known: Generation::GENESIS,
                    held: BTreeMap::new(),
                }),
            },
            _room: Arc::clone(&room).try_acquire_owned().expect("room"),
        };
        let mut checks = Checks::start().expect("a thread");
        checks.beside = Some(Beside::start().expect("a thread"));
        let here = checks.check(Precheck::default(), [arrival()].into());
        assert_eq!(here.expect("too few").arrivals.len(), 1);
        assert!(!is_ready(checks.done()), "nothing is under way");
        checks.worth = 0;
        for gives_up in [false, true, false] {
            let there = checks.check(Precheck::default(), [arrival()].into());
            assert!(there.is_none() && checks.are_under_way());
            let begun = gives_up && is_ready(checks.done());
            if !begun {
                assert_eq!(checks.done().await.arrivals.len(), 1);
            }
            assert!(!checks.are_under_way());
            assert_eq!(room.available_permits(), 1);
        }
        checks.beside = None;
        let here = checks.check(Precheck::default(), [arrival()].into());
        assert_eq!(here.expect("one core").arrivals.len(), 1);
    }
}
