//! Who waits for one source: a waker per direction, kept across polls, and room for more.
//!
//! Nearly always one task reads and one task writes, so one waker per direction is stored in place.
//! Several tasks may still wait for the same direction (acceptors that share a listener): the
//! others go to an overflow list. Every waiter has a token of its own, because two futures of *one*
//! task have wakers that are equal, and dropping the one must not silence the other.

use std::task::Waker;

use super::Interest;

/// Identifies one waiting future within its slot. Zero is nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Token(u64);

impl Token {
    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }
}

#[derive(Debug)]
struct Waiter {
    token: Token,
    waker: Waker,
}

/// The waiters of one slot, guarded by the slot's lock. Laid out so that a reader's part shares its
/// cache line with the readiness word.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Waiters {
    read: Option<Waiter>,
    last_token: u64,
    write: Option<Waiter>,
    /// Absent until a second future waits for the same direction.
    more: Option<Box<Overflow>>,
}

#[derive(Debug, Default)]
struct Overflow {
    read: Vec<Waiter>,
    write: Vec<Waiter>,
}

impl Overflow {
    fn list(&mut self, interest: Interest) -> &mut Vec<Waiter> {
        match interest {
            Interest::Readable => &mut self.read,
            Interest::Writable => &mut self.write,
        }
    }
}

impl Waiters {
    fn first(&mut self, interest: Interest) -> &mut Option<Waiter> {
        match interest {
            Interest::Readable => &mut self.read,
            Interest::Writable => &mut self.write,
        }
    }

    fn find(&mut self, interest: Interest, token: Token) -> Option<&mut Waiter> {
        if token.is_none() {
            return None;
        }
        let first = match interest {
            Interest::Readable => &mut self.read,
            Interest::Writable => &mut self.write,
        };
        let rest = self.more.iter_mut().flat_map(|more| more.list(interest).iter_mut());
        first.iter_mut().chain(rest).find(|waiter| waiter.token == token)
    }

    /// Stores `waker` under `token`, or under a new token if that is nobody's. The waker that it
    /// replaces is returned, to be dropped when no lock is held.
    pub(super) fn put(
        &mut self,
        interest: Interest,
        token: &mut Token,
        waker: Waker,
    ) -> Option<Waker> {
        if let Some(waiter) = self.find(interest, *token) {
            return Some(std::mem::replace(&mut waiter.waker, waker));
        }
        if token.is_none() {
            self.last_token += 1;
            *token = Token(self.last_token);
        }
        let waiter = Waiter { token: *token, waker };
        let first = self.first(interest);
        if first.is_none() {
            *first = Some(waiter);
        } else {
            self.more.get_or_insert_default().list(interest).push(waiter);
        }
        None
    }

    /// Takes the waiter with this token out.
    pub(super) fn remove(&mut self, interest: Interest, token: Token) -> Option<Waker> {
        let first = self.first(interest);
        if first.as_ref().is_some_and(|waiter| waiter.token == token) {
            return first.take().map(|waiter| waiter.waker);
        }
        let list = self.more.as_mut()?.list(interest);
        let at = list.iter().position(|waiter| waiter.token == token)?;
        Some(list.swap_remove(at).waker)
    }

    /// Moves every waiter of this direction to `wakers`.
    pub(super) fn take(&mut self, interest: Interest, wakers: &mut Vec<Waker>) {
        wakers.extend(self.first(interest).take().map(|waiter| waiter.waker));
        if let Some(more) = &mut self.more {
            wakers.extend(more.list(interest).drain(..).map(|waiter| waiter.waker));
        }
    }

    /// Moves every waiter to `wakers` and frees the overflow list.
    pub(super) fn take_all(&mut self, wakers: &mut Vec<Waker>) {
        self.take(Interest::Readable, wakers);
        self.take(Interest::Writable, wakers);
        self.more = None;
    }
}
