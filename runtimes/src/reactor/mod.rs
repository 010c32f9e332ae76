//! Placeholder signatures; replaced by the reactor itself.

/// Registers sources and timers with a reactor.
#[derive(Clone, Debug)]
pub struct Handle(());
