//! Deleting: what is deleted stays in the tree, in chunks of its own.

use super::op::{Id, Span};
use super::order::{Direction, Measure};
use super::siblings::Key;
use super::tree::{Chunk, Tree};

impl<T> Tree<T> {
    /// Deletes what of the span is not deleted yet.
    pub(super) fn delete(&mut self, span: &Span) {
        let (source, counter) = (span.source, span.first);
        let lane = self.key(Id { source, counter }).lane;
        let new = self.lanes[lane as usize]
            .deleted
            .insert(span.first, span.last);
        for (first, last) in new {
            let mut counter = first;
            while counter <= last {
                let (chunk, offset) = self.place_of(Key { lane, counter });
                let len = (self.chunk(chunk).len - offset).min(last + 1 - counter);
                self.delete_part(chunk, offset, len);
                self.lanes[lane as usize].clear(counter, len);
                counter += len;
            }
        }
    }

    /// Deletes `len` elements of a visible chunk. At an end of the chunk they go to a deleted
    /// neighbour that they belong to, so that many small deletions leave few chunks.
    fn delete_part(&mut self, number: u32, offset: u32, len: u32) {
        let chunk = *self.chunk(number);
        if len == chunk.len {
            self.chunk_mut(number).deleted = true;
            let measure = self.order.measure(number);
            self.order.set(
                number,
                Measure {
                    visible: 0,
                    ..measure
                },
            );
            return;
        }
        if offset + len < chunk.len {
            if offset == 0 && self.give_to_previous(number, len) {
                return;
            }
            self.split(number, offset + len);
        } else if self.give_to_next(number, len) {
            return;
        }
        let part = if offset > 0 {
            self.split(number, offset)
        } else {
            number
        };
        self.delete_part(part, 0, len);
    }

    fn give_to_previous(&mut self, number: u32, len: u32) -> bool {
        let chunk = *self.chunk(number);
        let previous = self.order.neighbour(number, Direction::Backward);
        let Some(previous) = previous.filter(|previous| self.is_deleted_before(*previous, &chunk))
        else {
            return false;
        };
        let before = *self.chunk(previous);
        self.move_start(number, chunk.first + len);
        let measure = self.order.measure(number);
        let visible = self.chunk(number).visible();
        self.order.set(number, Measure { visible, ..measure });
        self.resize(
            previous,
            Chunk {
                len: before.len + len,
                ..before
            },
        );
        true
    }

    fn give_to_next(&mut self, number: u32, len: u32) -> bool {
        let chunk = *self.chunk(number);
        let next = self.order.neighbour(number, Direction::Forward);
        let Some(next) = next.filter(|next| self.continues_deleted(*next, &chunk)) else {
            return false;
        };
        self.move_start(next, self.chunk(next).first - len);
        self.resize(
            number,
            Chunk {
                len: chunk.len - len,
                ..chunk
            },
        );
        true
    }

    /// Whether `chunk` continues the deleted one before it.
    fn is_deleted_before(&self, previous: u32, chunk: &Chunk) -> bool {
        let before = self.chunk(previous);
        before.deleted
            && chunk.continues
            && before.lane == chunk.lane
            && before.end() == chunk.first
    }

    /// Whether the one after it is deleted and continues `chunk`.
    fn continues_deleted(&self, next: u32, chunk: &Chunk) -> bool {
        let after = self.chunk(next);
        after.deleted && after.continues && after.lane == chunk.lane && chunk.end() == after.first
    }

    /// Lets a chunk that continues another begin earlier or later.
    fn move_start(&mut self, number: u32, first: u32) {
        let old = *self.chunk(number);
        let new = Chunk {
            first,
            len: old.end() - first,
            depth: old.depth + u64::from(first) - u64::from(old.first),
            ..old
        };
        *self.chunk_mut(number) = new;
        self.lanes[old.lane as usize].move_chunk(old.first, first);
    }
}
