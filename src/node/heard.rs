//! When an actor was heard, and how fast it is.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two frames of one that forges, and what each of its bytes adds.
///
/// Some fifty small frames a second. In long ones no more than three hundred signatures fit, of 64
/// bytes each: to check them takes a hundredth of one processor or two.
const PAUSE: Duration = Duration::from_millis(10);
const BYTE: Duration = Duration::from_micros(50);

/// What is known of how one actor speaks, on whatever connection.
///
/// Of an actor that sent a bad signature frames are read slowly. A correct one sends none; and as
/// long as its stream is not read, a link takes nothing from it, so that a flood of signatures
/// costs the flooder alone.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    /// When its next frame is read; `None` as long as it has not forged.
    next: Option<Instant>,
}

impl Heard {
    pub(super) fn note(&self) {
        self.lock().last = Some(Instant::now());
    }

    /// When it was heard last.
    pub(super) fn last(&self) -> Option<Instant> {
        self.lock().last
    }

    /// It forges.
    pub(super) fn slow_down(&self) {
        self.lock().next.get_or_insert_with(Instant::now);
    }

    /// When its next frame is read, which has so many bytes; `None` for at once.
    pub(super) fn turn(&self, len: usize) -> Option<Instant> {
        let mut state = self.lock();
        let next = state.next.as_mut()?;
        let turn = (*next).max(Instant::now());
        *next = turn + PAUSE + BYTE * u32::try_from(len).unwrap_or(u32::MAX);
        Some(turn)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_forged_is_read_slowly_and_more_slowly_the_more_it_says() {
        let heard = Heard::default();
        assert!(heard.turn(1 << 20).is_none());
        heard.slow_down();
        let first = heard.turn(1000).expect("slow");
        let second = heard.turn(0).expect("slow");
        assert_eq!(second - first, PAUSE + 1000 * BYTE);
        heard.slow_down();
        let third = heard.turn(0).expect("slow");
        assert_eq!(third - second, PAUSE, "as slow as before");
    }
}
