//! The four levels, by their names.

/// How much of the protocol a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(pub u8);

impl Level {
    /// The highest one.
    pub const HIGHEST: Level = Level(3);

    /// Every level, lowest first.
    pub fn all() -> impl Iterator<Item = Level> {
        (0..=Level::HIGHEST.0).map(Level)
    }

    /// What the level adds to the one below it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "codec",
            1 => "core",
            2 => "descriptors",
            _ => "robustness",
        }
    }
}
