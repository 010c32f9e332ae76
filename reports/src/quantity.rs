//! What a row of the page is about, and how its values are written.

use results::format;

/// What the samples of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Nanoseconds.
    Time,
    /// Bytes.
    Memory,
}

impl Quantity {
    /// A value with its unit.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Time => format::duration(value),
            Self::Memory => format::plain_bytes(value),
        }
    }

    /// A round value for an axis.
    pub(crate) fn tick(self, value: f64) -> String {
        match self {
            Self::Time => format::tick(value),
            Self::Memory => format::plain_bytes(value),
        }
    }
}
