//! Time as the reactor keeps it: nanoseconds since it was made, on the monotonic clock.

use std::time::{Duration, Instant};

/// Turns instants into nanoseconds and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    epoch: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { epoch: Instant::now() }
    }

    #[inline]
    pub(super) fn now_ns(&self) -> u64 {
        self.at_ns(Instant::now())
    }

    /// An instant before the reactor was made counts as its beginning.
    #[inline]
    pub(super) fn at_ns(&self, instant: Instant) -> u64 {
        to_ns(instant.saturating_duration_since(self.epoch))
    }
}

/// A duration in nanoseconds; more than 584 years count as 584 years, which is for ever.
#[inline]
pub(super) fn to_ns(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(u64::from(duration.subsec_nanos()))
}
