//! What the kernel says about this process's memory.

use std::fs;

use crate::Failure;
use crate::workload::io;

/// A reading, or the growth between two.
pub(crate) struct Memory {
    /// Pages of heap, stacks and other private memory that are in use. From `smaps_rollup`, which
    /// walks the page tables: the counters in `statm` lag behind by some pages for each processor.
    pub(crate) resident_bytes: u64,
    /// Private memory that may be written, in use or not.
    pub(crate) reserved_bytes: u64,
}

impl Memory {
    /// # Errors
    /// [`Failure::Io`] where the kernel does not tell.
    pub(crate) fn read() -> Result<Self, Failure> {
        Ok(Self {
            resident_bytes: kib("/proc/self/smaps_rollup", "Anonymous:")? * 1024,
            reserved_bytes: kib("/proc/self/status", "VmData:")? * 1024,
        })
    }

    /// The growth since `earlier`; a process that has shrunk has grown by 0.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            resident_bytes: self.resident_bytes.saturating_sub(earlier.resident_bytes),
            reserved_bytes: self.reserved_bytes.saturating_sub(earlier.reserved_bytes),
        }
    }
}

/// The figure, in KiB, of the line of a file in `/proc` that starts with `name`.
fn kib(path: &'static str, name: &str) -> Result<u64, Failure> {
    let text = fs::read_to_string(path).map_err(io("reading the process's memory"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let figure = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    figure.ok_or_else(|| Failure::Io {
        what: "reading the process's memory",
        source: std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!("{path} has no line {name}"),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_is_resident_and_what_is_not_is_reserved() {
        const BYTES: usize = 64 << 20;
        // Far more than the other tests of this process allocate meanwhile.
        let grown_by = |bytes: u64| (bytes as f64 / BYTES as f64 - 1.0).abs() < 0.25;
        let before = Memory::read().expect("Linux");
        let mut room: Vec<u8> = Vec::with_capacity(BYTES);
        let reserved = Memory::read().expect("Linux").since(&before);
        assert!(grown_by(reserved.reserved_bytes) && reserved.resident_bytes < BYTES as u64 / 4);
        room.resize(BYTES, 1);
        let touched = Memory::read().expect("Linux").since(&before);
        assert!(grown_by(touched.reserved_bytes) && grown_by(touched.resident_bytes));
        assert_eq!(std::hint::black_box(room).len(), BYTES);
    }

    #[test]
    fn a_line_that_is_not_there_is_named() {
        let failure =
            kib("/proc/self/status", "VmNonesuch:").expect_err("there is none").to_string();
        assert!(failure.contains("/proc/self/status has no line VmNonesuch:"), "{failure}");
    }
}
