#![allow(missing_docs)]
//! A stand-in without epoll until the reactor lands.
use std::sync::{Arc, Condvar, Mutex, MutexGuard, TryLockError};
use std::time::Duration;
#[derive(Clone, Debug)]
/// t
pub struct Handle(Arc<(Mutex<bool>, Condvar)>);
/// t
#[derive(Debug)]
pub struct Reactor(Handle, Mutex<()>);
/// t
pub struct Driver<'a>(&'a Reactor, #[allow(dead_code)] MutexGuard<'a, ()>);
/// t
pub struct Turn {
    pub waits: u32,
    pub events: u32,
    pub timers: u32,
}
/// t
pub fn set_timer_slack_min() {}
impl Reactor {
    /// t
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(Handle(Arc::new((Mutex::new(false), Condvar::new()))), Mutex::new(())))
    }
    pub fn handle(&self) -> &Handle {
        &self.0
    }
    pub fn try_driver(&self) -> Option<Driver<'_>> {
        match self.1.try_lock() {
            Ok(g) => Some(Driver(self, g)),
            Err(TryLockError::WouldBlock) => None,
            Err(_) => panic!(),
        }
    }
    pub fn shutdown(&self) {}
}
impl Handle {
    pub fn notify(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
    pub fn is_active(&self) -> bool {
        false
    }
}
impl Driver<'_> {
    pub fn turn(&mut self, timeout: Option<Duration>) -> std::io::Result<Turn> {
        let mut g = self.0.0.0.0.lock().unwrap();
        if timeout.is_none() {
            while !*g {
                g = self.0.0.0.1.wait(g).unwrap();
            }
            *g = false;
        }
        Ok(Turn { waits: 1, events: 0, timers: 0 })
    }
}
