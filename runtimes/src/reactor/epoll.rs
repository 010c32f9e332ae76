//! The kernel side: one epoll instance, edge-triggered, with timeouts in nanoseconds.
//!
//! Every descriptor is added once, for both directions, and never modified. `epoll_pwait2` (Linux
//! 5.11) takes nanoseconds; where it is missing, `epoll_wait` takes milliseconds, rounded **up**:
//! rounded down, the last part of a millisecond would be spent in waits of length zero. (No timer
//! fires early in either case: the driver compares deadlines with the clock.)

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;

use super::birthmark::Birthmark;

/// Events taken from the kernel by one call. 12 bytes each, and only the part used is touched; more
/// ready descriptors than this wait for the next call, which costs one more system call per 1,024.
const BATCH: usize = 1024;

/// What a source is told about: both directions, a peer that stops sending, urgent data, and only
/// changes (edges). The kernel adds errors and hang-ups unasked.
const INTEREST: EventFlags = EventFlags::IN
    .union(EventFlags::OUT)
    .union(EventFlags::RDHUP)
    .union(EventFlags::PRI)
    .union(EventFlags::ET);

/// How a blocking wait tells the kernel when to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitClock {
    /// `epoll_pwait2`, nanoseconds.
    Nanoseconds,
    /// `epoll_wait`, milliseconds rounded up: kernels before 5.11, and sandboxes that refuse the
    /// newer call.
    Milliseconds,
}

#[derive(Debug)]
pub(super) struct Epoll {
    fd: OwnedFd,
    clock: WaitClock,
    birthmark: Birthmark,
}

/// The buffer that one driver reuses for every wait.
pub(super) struct Events(Vec<epoll::Event>);

/// One event as the kernel gave it: which source, and what became true.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) data: u64,
    pub(super) flags: EventFlags,
}

impl Epoll {
    /// An epoll instance; `wanted` is lowered to milliseconds where the kernel refuses nanoseconds.
    pub(super) fn new(wanted: WaitClock) -> io::Result<Self> {
        // Miri knows the older call only.
        let wanted = if cfg!(miri) { WaitClock::Milliseconds } else { wanted };
        let mut this = Self {
            fd: epoll::create(CreateFlags::CLOEXEC)?,
            clock: wanted,
            birthmark: Birthmark::new()?,
        };
        if wanted == WaitClock::Nanoseconds {
            // Asked here, once, so that no wait has to. EPERM is what a seccomp filter answers.
            match this.wait(&mut Events::new(), Some(Duration::ZERO)) {
                Err(e)
                    if [Some(Errno::NOSYS), Some(Errno::PERM)]
                        .contains(&Errno::from_io_error(&e)) =>
                {
                    this.clock = WaitClock::Milliseconds;
                }
                other => other?,
            }
        }
        Ok(this)
    }

    pub(super) fn clock(&self) -> WaitClock {
        self.clock
    }

    /// Starts to watch `source`; its events will carry `data`. The current state counts as the
    /// first edge.
    pub(super) fn add(&self, source: impl AsFd, data: u64) -> io::Result<()> {
        self.birthmark.check()?;
        Ok(epoll::add(&self.fd, source, EventData::new_u64(data), INTEREST)?)
    }

    /// Starts to watch a descriptor of which only the edges of readability matter.
    pub(super) fn add_notifier(&self, source: impl AsFd, data: u64) -> io::Result<()> {
        Ok(epoll::add(&self.fd, source, EventData::new_u64(data), EventFlags::IN | EventFlags::ET)?)
    }

    /// Stops watching `source`. An event that another thread has already taken may still be
    /// processed. Does nothing in a child process: it is the parent that watches.
    pub(super) fn delete(&self, source: impl AsFd) -> io::Result<()> {
        if self.birthmark.is_missing() {
            return Ok(());
        }
        Ok(epoll::delete(&self.fd, source)?)
    }

    /// Waits until there is an event or `timeout` is over (`None`: for ever), and replaces `events`
    /// by what came. A signal ends the wait with no events.
    pub(super) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.0.clear();
        self.birthmark.check()?;
        let outcome = match self.clock {
            WaitClock::Nanoseconds => {
                // A timeout beyond the range of a timespec is no timeout.
                let timeout = timeout.and_then(|t| Timespec::try_from(t).ok());
                epoll::wait(&self.fd, spare_capacity(&mut events.0), timeout.as_ref())
            }
            WaitClock::Milliseconds => self.wait_milliseconds(events, timeout),
        };
        match outcome {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn wait_milliseconds(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        let timeout_ms = timeout
            .map_or(-1, |t| i32::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
        let spare = events.0.spare_capacity_mut();
        let room = i32::try_from(spare.len()).unwrap_or(i32::MAX);
        // SAFETY: `epoll::Event` is laid out as the kernel's `epoll_event` (rustix passes it on as
        // such), the pointer and the length describe memory that this call alone refers to, and the
        // descriptor is open.
        let n = unsafe {
            libc::epoll_wait(self.fd.as_raw_fd(), spare.as_mut_ptr().cast(), room, timeout_ms)
        };
        let Ok(n) = usize::try_from(n) else {
            return Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL));
        };
        // SAFETY: the vector was empty and the kernel wrote its first `n` elements, within its
        // capacity.
        unsafe { events.0.set_len(n) };
        Ok(n)
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

// SAFETY: an event's data is a union of a number and a pointer, and the pointer is what keeps the
// vector from being `Send`. Every event in here carries a number: `add` and `add_notifier` register
// nothing else.
unsafe impl Send for Events {}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Events").field(&self.0.len()).finish()
    }
}

impl Events {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(BATCH))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether there may be more than these.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() == self.0.capacity()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.0.iter().map(|event| {
            // Copied out field by field: the kernel's struct is packed.
            let (data, flags) = (event.data, event.flags);
            Event { data: data.u64(), flags }
        })
    }
}
