//! Futures of time: sleep, timeout, interval. Deadlines are exact to the nanosecond and never
//! early.
//!
//! How late a timer is depends on who drives the reactor: a turn that waits is woken by the kernel
//! within its timer slack (see [`set_timer_slack_min`](crate::reactor::set_timer_slack_min)); a
//! busy executor fires timers when it next turns the reactor.
//!
//! After the reactor has shut down a sleep is over as soon as it is polled, even before its
//! deadline: nothing could end it later, and a task that never ends is worse than one that ends too
//! soon.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use crate::budget::{self, Share};
use crate::reactor::{Armed, Handle, Timer, duration_ns};

/// A sleep of `duration` from now on. Zero is over at once.
pub fn sleep(handle: &Handle, duration: Duration) -> Sleep {
    let state = if duration.is_zero() { State::Over } else { State::New };
    let deadline_ns = handle.now_ns().saturating_add(duration_ns(duration));
    Sleep { handle: handle.clone(), deadline_ns, state, share: Share::default() }
}

/// A sleep until `deadline`. One in the past is over at once.
pub fn sleep_until(handle: &Handle, deadline: Instant) -> Sleep {
    let deadline_ns = handle.instant_ns(deadline);
    let state = if deadline_ns <= handle.now_ns() { State::Over } else { State::New };
    Sleep { handle: handle.clone(), deadline_ns, state, share: Share::default() }
}

/// The future of [`sleep`] and [`sleep_until`]. Dropping it cancels its timer.
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    handle: Handle,
    deadline_ns: u64,
    state: State,
    share: Share,
}

#[derive(Debug)]
enum State {
    /// Not polled yet: there is no timer.
    New,
    Armed(Timer),
    /// No timer is needed to say so.
    Over,
}

impl Sleep {
    /// Starts over with a new deadline; the timer is armed again by the next poll.
    pub fn reset(&mut self, deadline: Instant) {
        let deadline_ns = self.handle.instant_ns(deadline);
        self.reset_ns(deadline_ns);
    }

    fn reset_ns(&mut self, deadline_ns: u64) {
        self.disarm();
        self.deadline_ns = deadline_ns;
        self.state = if deadline_ns <= self.handle.now_ns() { State::Over } else { State::New };
    }

    fn disarm(&mut self) {
        if let State::Armed(timer) = &self.state
            && !self.handle.has_fired(self.deadline_ns)
        {
            self.handle.cancel_timer(timer);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        match &this.state {
            State::Over => {}
            State::New if this.handle.has_fired(this.deadline_ns) => {}
            State::New => match this.handle.arm_timer(this.deadline_ns, cx.waker()) {
                Armed::Pending { timer, .. } => {
                    this.state = State::Armed(timer);
                    return Poll::Pending;
                }
                Armed::Fired => {}
            },
            State::Armed(timer) => {
                if !this.handle.has_fired(this.deadline_ns) {
                    // Polled for another reason than this timer: the driver may just not have come
                    // round to it.
                    if this.deadline_ns <= this.handle.now_ns() {
                        this.handle.cancel_timer(timer);
                    } else if this.handle.update_timer(timer, cx.waker()) {
                        return Poll::Pending;
                    }
                }
                // It has waited, and its task with it. So a timer still ends what uses up its
                // task's budget each time.
                this.state = State::Over;
                budget::spend();
                return Poll::Ready(());
            }
        }
        this.state = State::Over;
        ready!(this.share.poll_proceed(cx));
        budget::spend();
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.disarm();
    }
}

/// Lets `future` run for at most `duration` from now on.
pub fn timeout<F: Future>(handle: &Handle, duration: Duration, future: F) -> Timeout<F> {
    Timeout { sleep: sleep(handle, duration), future }
}

pin_project! {
    /// The future of [`timeout`]: the output, or [`Elapsed`]. A future that is ready at its first
    /// poll wins over a timeout of zero.
    #[derive(Debug)]
    #[must_use = "a timeout does nothing unless it is awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Sleep,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(this.sleep).poll(cx).map(|()| Err(Elapsed(())))
    }
}

/// A [`timeout`] was over before its future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the timeout is over")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}

/// Ticks every `period`, for the first time one period from now.
///
/// # Panics
/// If `period` is zero.
pub fn interval(handle: &Handle, period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval needs a period longer than zero");
    let start = Instant::now();
    let next = start.checked_add(period);
    Interval { sleep: sleep(handle, period), next, period }
}

/// Ticks at a fixed rate. See [`interval`].
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    /// `None`: beyond what an instant can express, that is never.
    next: Option<Instant>,
    period: Duration,
}

impl Interval {
    /// Waits for the next tick and returns the moment for which it was meant. Ticks that were
    /// missed come at once, one after another, so that their number is always that of the periods
    /// that have passed. After the reactor has shut down every tick comes at once.
    pub async fn tick(&mut self) -> Instant {
        if let State::New = self.sleep.state
            && self.sleep.deadline_ns <= self.sleep.handle.now_ns()
        {
            // Missed: no timer is needed to say so.
            self.sleep.state = State::Over;
        }
        poll_fn(|cx| Pin::new(&mut self.sleep).poll(cx)).await;
        let Some(tick) = self.next else { return std::future::pending().await };
        self.next = tick.checked_add(self.period);
        let period_ns = duration_ns(self.period);
        self.sleep.reset_ns(self.sleep.deadline_ns.saturating_add(period_ns));
        tick
    }
}
