//! Tests.
pub(super) static RULES_OFF: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
