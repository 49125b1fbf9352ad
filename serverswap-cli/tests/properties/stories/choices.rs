//! Bytes as a list of choices: the same story is drawn by proptest and by the fuzzer.

/// What is left to choose from. At its end every choice is the first one.
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Choices(bytes)
    }

    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % end
    }

    pub fn one_of<'b, T>(&mut self, all: &'b [T]) -> &'b T {
        &all[self.below(all.len())]
    }

    /// One chance in so many.
    pub fn once_in(&mut self, chances: usize) -> bool {
        self.below(chances) == chances - 1
    }
}
