//! What the executors are made to do: one workload a file, written once, generic over the runtime.
//!
//! Reading order: [`workload`] (the contract), `drive` (how a body gets onto the workers), then any
//! workload; the list at the end of this file is the registry. To add one, write its file and add
//! its line: tests, benches and charts follow.
//!
//! Three rules keep the workloads comparable:
//! - the body is itself a task, so that what it spawns starts on a worker and not on the thread
//!   that waits for the result;
//! - the clock covers the work alone: neither the runtime's start nor connections nor long-lived
//!   tasks;
//! - a task that vanishes or a value that is wrong is a [`Failure`], never a hang and never a time.
#![forbid(unsafe_code)]

mod alarm;
pub mod arrivals;
mod completions;
mod crowd;
mod dispersion;
mod drive;
mod event;
mod histogram;
mod hogs;
mod memory;
mod metronome;
mod queueing;
#[macro_use]
mod registry;
mod reset;
mod sleepers;
mod small;
pub mod spin;
mod switching;
pub mod usage;
pub mod workload;

pub use small::small_params;
pub use workload::{
    DefaultRuntimes, Definition, Failure, Kind, Param, ParamError, Params, Range, Sample, Workload,
};

registry! { $
    spawn_many_local::SpawnManyLocal,
    spawn_many_remote::SpawnManyRemote,
    spawn_remote_busy::SpawnRemoteBusy,
    chained_spawn::ChainedSpawn,
    yield_many::YieldMany,
    switch_cost::SwitchCost,
    switch_cost_direct::SwitchCostDirect,
    ping_pong::PingPong,
    skynet::Skynet,
    fib::Fib,
    pair_compute::PairCompute,
    nested_compute::NestedCompute,
    mpsc::Mpsc,
    ring::Ring,
    wake_storm::WakeStorm,
    remote_wake::RemoteWake,
    thread_ping_pong::ThreadPingPong,
    tcp_echo::TcpEcho,
    tcp_echo_own::TcpEchoOwn,
    accept_storm::AcceptStorm,
    timers::Timers,
    slot_pair::SlotPair,
    driver_gap::DriverGap,
    flood::Flood,
    trickle::Trickle,
    poisson::Poisson,
    ping_pong_hog::PingPongHog,
    tight_loop::TightLoop,
    hog_latency::HogLatency,
    hog_latency_budget::HogLatencyBudget,
    hog_latency_spare::HogLatencySpare,
    greedy_classes::GreedyClasses,
    dispersion_fixed::DispersionFixed,
    dispersion_exponential::DispersionExponential,
    dispersion_bimodal::DispersionBimodal,
    idle_memory::IdleMemory,
}
