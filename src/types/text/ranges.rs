//! A set of numbers that remembers ranges.

use std::collections::BTreeMap;

/// Numbers, as the fewest ranges that hold them: first to last, both included, with a gap between
/// two.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges(BTreeMap<u32, u32>);

impl Ranges {
    /// The ranges, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.0.iter().map(|(first, last)| (*first, *last))
    }

    /// Adds `first` to `last`, and returns what of it is new, in order.
    ///
    /// Takes O(log n) and as much for each range that is swallowed, which an earlier call has paid
    /// for.
    pub(super) fn insert(&mut self, first: u32, last: u32) -> Vec<(u32, u32)> {
        let (mut whole, mut new, mut next) = ((first, last), Vec::new(), Some(first));
        let from = self.touching(first);
        let touched = self.0.range(from..=last.saturating_add(1));
        let touched: Vec<_> = touched.map(|(start, end)| (*start, *end)).collect();
        for &(start, end) in &touched {
            if let Some(free) = next.filter(|free| *free < start && *free <= last) {
                new.push((free, last.min(start - 1)));
            }
            whole = (whole.0.min(start), whole.1.max(end));
            next = end.checked_add(1).map(|after| after.max(first));
        }
        if let Some(free) = next.filter(|free| *free <= last) {
            new.push((free, last));
        }
        for (start, _) in touched {
            self.0.remove(&start);
        }
        self.0.insert(whole.0, whole.1);
        new
    }

    /// Whether all of `first` to `last` are in.
    pub(super) fn covers(&self, first: u32, last: u32) -> bool {
        let range = self.0.range(..=first).next_back();
        range.is_some_and(|(_, end)| *end >= last)
    }

    /// The start of the range that holds `first` or ends right before it, or `first`.
    fn touching(&self, first: u32) -> u32 {
        let before = self.0.range(..=first).next_back();
        let touches = before.filter(|(_, end)| end.saturating_add(1) >= first);
        touches.map_or(first, |(start, _)| *start)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use quickcheck_macros::quickcheck;

    use super::*;

    #[quickcheck]
    fn ranges_hold_what_a_set_holds_and_tell_what_is_new(inserted: Vec<(u8, u8)>) -> bool {
        let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
        let all = |ranges: Vec<(u32, u32)>| ranges.into_iter().flat_map(|(a, b)| a..=b);
        inserted.into_iter().all(|(first, len)| {
            let (first, last) = (
                u32::from(first % 40),
                u32::from(first % 40) + u32::from(len % 5),
            );
            let fresh: Vec<_> = (first..=last)
                .filter(|number| set.insert(*number))
                .collect();
            let same = all(ranges.insert(first, last)).eq(fresh);
            let apart = ranges.0.iter().zip(ranges.0.keys().skip(1));
            let apart = { apart }.all(|((_, end), next)| end + 1 < *next);
            same && apart
                && ranges.covers(first, last)
                && all(ranges.iter().collect()).eq(set.iter().copied())
        })
    }

    #[test]
    fn the_largest_number_is_a_number_like_others() {
        let mut ranges = Ranges::default();
        assert_eq!(ranges.insert(u32::MAX, u32::MAX), [(u32::MAX, u32::MAX)]);
        assert_eq!(
            ranges.insert(u32::MAX - 1, u32::MAX),
            [(u32::MAX - 1, u32::MAX - 1)]
        );
        assert_eq!(ranges.insert(0, u32::MAX), [(0, u32::MAX - 2)]);
        assert!(ranges.insert(7, 9).is_empty());
        assert!(ranges.iter().eq([(0, u32::MAX)]));
    }
}
