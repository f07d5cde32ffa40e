//! Where the signatures of packets that wait are checked: by another thread, where there is a core
//! for it, so that the replica takes in other things meanwhile.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::thread::available_parallelism;

use tokio::task::{JoinHandle, spawn_blocking};

use super::links::Arrival;
use crate::deterministic_secure_broadcast::{Precheck, Prechecked};

/// Signatures for which another thread is asked. Fewer are checked before it would be awake.
const WORTH: usize = 4;

/// Packets, and what was found out about their signatures.
pub(super) struct Checked {
    pub(super) prechecked: Prechecked,
    pub(super) arrivals: VecDeque<Arrival>,
}

/// At most one check is under way, of as many packets as are checked together.
pub(super) struct Checks {
    /// Signatures for which another thread is asked; never, where there is no core for it.
    worth: Option<usize>,
    under_way: Option<JoinHandle<Checked>>,
}

impl Checks {
    pub(super) fn new() -> Self {
        let beside = available_parallelism().is_ok_and(|cores| cores.get() > 1);
        Self {
            worth: beside.then_some(WORTH),
            under_way: None,
        }
    }

    pub(super) fn are_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Checks what is worth it beside this thread, and the rest at once.
    ///
    /// `None` when it is under way: [`done`](Self::done) brings it. None may be under way before.
    pub(super) fn check(
        &mut self,
        precheck: Precheck,
        arrivals: VecDeque<Arrival>,
    ) -> Option<Checked> {
        assert!(self.under_way.is_none(), "one check at a time");
        let is_worth_it = self.worth.is_some_and(|worth| precheck.len() >= worth);
        let check = move || Checked {
            prechecked: precheck.run(),
            arrivals,
        };
        if !is_worth_it {
            return Some(check());
        }
        self.under_way = Some(spawn_blocking(check));
        None
    }

    /// Waits for what is under way; for ever, where nothing is. Nothing is lost when the waiting is
    /// given up.
    ///
    /// # Panics
    /// When the check did.
    pub(super) async fn done(&mut self) -> Checked {
        let Some(under_way) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let checked = under_way.await;
        self.under_way = None;
        checked.unwrap_or_else(|failed| resume_unwind(failed.into_panic()))
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
        let mut checks = Checks::new();
        let here = checks.check(Precheck::default(), [arrival()].into());
        assert_eq!(here.expect("too few").arrivals.len(), 1);
        assert!(!is_ready(checks.done()), "nothing is under way");
        for _ in 0..2 {
            checks.worth = Some(0);
            let there = checks.check(Precheck::default(), [arrival()].into());
            assert!(there.is_none() && checks.are_under_way());
            assert_eq!(room.available_permits(), 0);
            let _given_up = is_ready(pin!(checks.done()));
            if checks.are_under_way() {
                assert_eq!(checks.done().await.arrivals.len(), 1);
            }
            assert!(!checks.are_under_way());
            assert_eq!(room.available_permits(), 1);
        }
        checks.worth = None;
        let here = checks.check(Precheck::default(), [arrival()].into());
        assert_eq!(here.expect("one core").arrivals.len(), 1);
    }
}
