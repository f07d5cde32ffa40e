//! When messages took effect here, as long as it is remembered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bft_crdts::dot::Dot;

/// Messages whose time is remembered.
const REMEMBERED: usize = 1 << 16;

/// The times of the newest messages.
#[derive(Debug, Default)]
pub(crate) struct Times(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    times: BTreeMap<Dot, SystemTime>,
    order: VecDeque<Dot>,
}

impl Times {
    /// When a message took effect, which is now if nobody has noted it before.
    pub(crate) fn note(&self, dot: Dot) -> SystemTime {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(time) = remembered.times.get(&dot) {
            return *time;
        }
        let now = SystemTime::now();
        remembered.times.insert(dot, now);
        remembered.order.push_back(dot);
        if remembered.order.len() > REMEMBERED
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.times.remove(&oldest);
        }
        now
    }

    /// When a message took effect, if that is remembered.
    pub(crate) fn of(&self, dot: &Dot) -> Option<SystemTime> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.times.get(dot).copied()
    }
}

/// A time in UTC as RFC 3339 writes it, to the millisecond. What is before 1970 is its beginning.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let milliseconds = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// Year, month and day after so many days since 1970 in the Gregorian calendar, which repeats
/// itself every 400 years. Years are counted from March, so that the leap day is their last.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days / ERA, days % ERA);
    let leap_days = day / 1460 - day / 36_524 + day / (ERA - 1);
    let year = (day - leap_days) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = match month {
        0..=9 => (month + 3, 0),
        _ => (month - 9, 1),
    };
    (era * 400 + year + later, month, day)
}

#[cfg(test)]
mod tests {
    use bft_crdts::Actor;
    use bft_crdts::dot::Seq;

    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        // As `date -u --date=@SECONDS` writes them.
        for (seconds, written) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_796_083_199, "2026-11-30T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(rfc3339(time), written, "{seconds}");
        }
        let early = SystemTime::UNIX_EPOCH + Duration::from_micros(1_999);
        assert_eq!(rfc3339(early), "1970-01-01T00:00:00.001Z");
    }

    #[test]
    fn the_first_to_note_a_message_says_when_and_old_ones_are_forgotten() {
        let times = Times::default();
        let dot = |seq| Dot {
            source: Actor::from_bytes([1; 32]),
            seq: Seq::new(seq),
        };
        let first = times.note(dot(1));
        assert_eq!(times.note(dot(1)), first);
        assert_eq!(times.of(&dot(1)), Some(first));
        assert_eq!(times.of(&dot(2)), None);
        for seq in 2..=REMEMBERED as u64 + 1 {
            times.note(dot(seq));
        }
        assert_eq!(times.of(&dot(1)), None);
        assert!(times.of(&dot(2)).is_some());
    }
}
