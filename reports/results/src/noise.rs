//! What else went on in a machine while something was measured.

use serde::{Deserialize, Serialize};

/// How the machine's processor time was spent meanwhile, as shares of the whole (0 to 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Taken by the hypervisor for other guests.
    pub steal: f64,
    /// Used by processes that are not ours.
    pub others: f64,
    /// How long threads of ours that could run waited for a processor, all together, over the time
    /// that passed: two that wait all the time make 2.
    #[serde(default)]
    pub waiting: f64,
}

/// `2.5 %`
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
