//! What who puts an executor of their own behind [`Runtime`](crate::Runtime) needs beside the trait:
//! the mark of a thread that is inside a runtime, names for threads, and whether there is room for
//! them. What each task's future must be wrapped in is [`each_poll`](crate::budget::each_poll).

pub use crate::engine::MAX_WORKERS;
pub use crate::enter::{Entered, enter};
pub use crate::threads::{WorkerNames, check_room, check_room_with_stacks};
