//! Decisions read from a list of numbers, so that proptest can shrink whatever is made from them.

/// Decisions; when the list is used up, every decision is the first one.
pub(crate) struct Choices<'a> {
    left: &'a [u16],
}

impl<'a> Choices<'a> {
    pub(crate) fn new(left: &'a [u16]) -> Self {
        Self { left }
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let Some((first, rest)) = self.left.split_first() else {
            return 0;
        };
        self.left = rest;
        usize::from(*first) % end
    }

    /// Yes in so many of a hundred cases; no when the list is used up.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    /// One of the items; `None` if there are none.
    pub(crate) fn one_of<'b, T>(&mut self, items: &'b [T]) -> Option<&'b T> {
        if items.is_empty() {
            return None;
        }
        items.get(self.below(items.len()))
    }
}
