//! Bytes as choices. Input that ends chooses the first of everything, so that any prefix is a
//! script too.

pub(super) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// A number below `bound`, of two bytes where one does not reach; 0 when nothing is below it.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let number = match bound {
            0 | 1 => return 0,
            2..=256 => usize::from(self.byte()),
            _ => usize::from(self.byte()) << 8 | usize::from(self.byte()),
        };
        number % bound
    }

    pub(super) fn pick<'b, T>(&mut self, among: &'b [T]) -> Option<&'b T> {
        among.get(self.below(among.len()))
    }
}

/// A script of every number, different for each scene.
pub fn walk(scene: u8) -> Vec<u8> {
    let steps = (0..64u8).map(|step| scene.wrapping_mul(37) ^ step.wrapping_mul(11));
    std::iter::once(scene).chain(steps).collect()
}
