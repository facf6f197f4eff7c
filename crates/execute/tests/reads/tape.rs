//! Choices read from a list of numbers, so that shrinking the list shrinks what was chosen.
//!
//! Read past its end it says 0, and 0 is always the simplest choice.

/// The rest of the list.
pub(crate) struct Tape<'a> {
    rest: &'a [u16],
}

impl<'a> Tape<'a> {
    pub(crate) fn new(choices: &'a [u16]) -> Self {
        Self { rest: choices }
    }

    fn next(&mut self) -> usize {
        let Some((first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        usize::from(*first)
    }

    /// One of `0..count`; 0 if there is none.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let choice = self.next();
        choice.checked_rem(count).unwrap_or(0)
    }

    /// True about once in `of` times.
    pub(crate) fn once_in(&mut self, of: usize) -> bool {
        self.below(of) == of - 1
    }

    pub(crate) fn pick<'b, T>(&mut self, from: &'b [T]) -> Option<&'b T> {
        let at = self.below(from.len());
        from.get(at)
    }

    /// Those of the items that were chosen, in order; each about every second time.
    pub(crate) fn some<T: Clone>(&mut self, from: &[T]) -> Vec<T> {
        let chosen = from.iter().filter(|_| self.once_in(2));
        chosen.cloned().collect()
    }
}

/// A long list of numbers that is the same for the same seed (SplitMix64).
pub(crate) fn numbers(seed: u64, count: usize) -> Vec<u16> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed >> 48) as u16
    };
    std::iter::repeat_with(next).take(count).collect()
}
