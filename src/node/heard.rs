//! When an actor was heard, and how fast it is.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two frames of one that forges, and what each of its bytes adds.
///
/// Some fifty small frames a second. In long ones no more than three hundred signatures fit, of 64
/// bytes each: to check them takes a hundredth of one processor or two.
const FORGED: Pace = Pace {
    pause: Duration::from_millis(10),
    byte: Duration::from_micros(50),
};

/// After the beginning of a stream, a greeting, or a frame that is not heard.
///
/// A correct one has few of them and hardly waits: the longest packet takes a second. As fast as
/// they can be read, greetings of a thousand addresses would take a processor, and so would packets
/// of somebody without a seat.
const IDLE: Pace = Pace {
    pause: Duration::from_millis(1),
    byte: Duration::from_nanos(100),
};

/// The time for a frame.
struct Pace {
    pause: Duration,
    byte: Duration,
}

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
    forges: bool,
    /// When its next frame is read; `None` as long as it has never had to wait.
    next: Option<Instant>,
}

impl Pace {
    fn of(&self, len: usize) -> Duration {
        self.pause + self.byte * u32::try_from(len).unwrap_or(u32::MAX)
    }
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
        let mut state = self.lock();
        state.forges = true;
        state.next.get_or_insert_with(Instant::now);
    }

    /// It said so many bytes from which nothing follows.
    pub(super) fn note_idle(&self, len: usize) {
        let mut state = self.lock();
        let now = Instant::now();
        state.next = Some(state.next.unwrap_or(now).max(now) + IDLE.of(len));
    }

    /// When its next frame is read, which has so many bytes; `None` for at once: a timer that is
    /// due now would take until the next millisecond.
    pub(super) fn turn(&self, len: usize) -> Option<Instant> {
        let mut state = self.lock();
        let now = Instant::now();
        let turn = state.next?.max(now);
        if state.forges {
            state.next = Some(turn + FORGED.of(len));
        }
        (turn > now).then_some(turn)
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
        assert!(heard.turn(1 << 20).is_none(), "the first one");
        let first = heard.turn(1000).expect("slow");
        let second = heard.turn(0).expect("slow");
        assert_eq!(second - first, FORGED.pause + 1000 * FORGED.byte);
        heard.slow_down();
        let third = heard.turn(0).expect("slow");
        assert_eq!(third - second, FORGED.pause, "as slow as before");
    }

    #[test]
    fn who_says_what_nothing_follows_from_is_read_later_and_then_as_before() {
        let heard = Heard::default();
        let said = Instant::now();
        (0..100).for_each(|_| heard.note_idle(990_000));
        let next = heard.turn(1 << 20).expect("later");
        assert!(next - said >= Duration::from_secs(10));
        assert_eq!(
            heard.turn(1 << 20),
            Some(next),
            "what is heard takes no time"
        );
    }

    #[test]
    fn whose_turn_has_come_is_read_at_once() {
        let heard = Heard::default();
        heard.note_idle(0);
        std::thread::sleep(IDLE.pause);
        assert_eq!(heard.turn(1 << 20), None);
    }
}
