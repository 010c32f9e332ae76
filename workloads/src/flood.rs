//! One connection floods a server, while four others ask for little.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream as TcpStreamStd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use runtimes::net::{TcpListener, TcpStream};
use runtimes::reactor::Handle;
use runtimes::time::sleep_until;
use runtimes::{Runtime, Spawner};

use crate::drive::drive;
use crate::histogram::histogram;
use crate::reset::reset_on_close;
use crate::tcp_echo::echo;
use crate::workload::{check, io};
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// An echo server whose one client never stops sending: its task finds bytes to read, and room to
/// write, whenever it looks. A task that leaves its worker only when there is nothing left to do
/// then never leaves it. Tokio's cooperative budget is there for such tasks: a leaf future says
/// "pending" after 128 operations, although it is ready.
///
/// - Two threads outside make the flood, on a blocking socket: one writes, the other reads what
///   comes back. Were they tasks, they would take turns with the server on a single worker.
/// - The four clients are tasks. Each sends a small message at fixed times. `latency` counts from
///   the time at which a message was to be sent, so that a client which was itself kept from
///   running cannot hide that; `uncorrected` counts from the sending.
/// - The flood ends with the last ping, after `flood_ms`, or after `flood_mib`, whichever comes
///   first. `beside_percent` says how many of the pings were due before that.
/// - The server and the clients use the shared reactor and our leaf futures on every runtime.
///   What a peer's own leaf futures would do, such as Tokio's, does not show here.
#[derive(Debug)]
pub struct Flood;

impl Workload for Flood {
    const DEFINITION: Definition = Definition {
        name: "flood",
        summary: "One connection floods an echo server from outside the runtime, while four \
         client tasks send a small message now and then.",
        shows: "whether a source that is always ready leaves others their turn",
        unit: "pings",
        kind: Kind::Latency,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param {
                name: "clients",
                default: 4,
                min: 1,
                max: 1_000,
                help: "connections that ping",
            },
            Param {
                name: "pings",
                default: 60,
                min: 1,
                max: 1_000_000,
                help: "pings of each in \
             one iteration",
            },
            Param {
                name: "interval_us",
                default: 4_000,
                min: 10,
                max: 1_000_000,
                help: "microseconds from one ping of a client to its next",
            },
            Param {
                name: "flood_ms",
                default: 400,
                min: 1,
                max: 60_000,
                help: "milliseconds for each iteration after which the flood ends in any case",
            },
            Param {
                name: "flood_mib",
                default: 1_024,
                min: 1,
                max: 1 << 20,
                help: "mebibytes for each iteration after which the flood ends in any case",
            },
        ],
        small: &[("pings", 5), ("interval_us", 1_000), ("flood_ms", 20)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let clients = params.get("clients");
        let pings = params.get("pings") * iterations;
        let interval = Duration::from_micros(params.get("interval_us"));
        let most_time = Duration::from_millis(params.get("flood_ms").saturating_mul(iterations));
        let most_bytes = (params.get("flood_mib") << 20).saturating_mul(iterations);
        let spawner = runtime.spawner().clone();
        let observed = drive(runtime, async move {
            let reactor = spawner.reactor();
            let listener =
                TcpListener::bind(reactor, (Ipv4Addr::LOCALHOST, 0)).map_err(io("listening"))?;
            let (flooding, server) = connect(reactor, &listener).await?;
            let flooded = spawner.spawn(echo(server, vec![0; SIP]));
            let mut pinging = Vec::new();
            let mut pinged = Vec::new();
            for _ in 0..clients {
                let (client, server) = connect(reactor, &listener).await?;
                // The client closes first; the server's reset then frees the port.
                reset_on_close(&server)?;
                pinging.push(client);
                pinged.push(spawner.spawn(echo(server, vec![0; PING])));
            }

            let start = Instant::now();
            let flood = Source::start(flooding, start + most_time, most_bytes)?;
            let first = start + LEAD;
            let ping = |(stream, client): (TcpStream, u64)| {
                // Evenly between the pings of the client before and those of the next.
                let first = first + interval.mul_f64(client as f64 / clients as f64);
                let due = (0..pings).map(move |ping| first + interval.mul_f64(ping as f64));
                spawner.spawn(ping_all(reactor.clone(), stream, due.collect()))
            };
            let running: Vec<_> = pinging.into_iter().zip(0..).map(ping).collect();
            let mut times = Vec::new();
            for client in running {
                times.extend(client.await??);
            }
            let elapsed = start.elapsed();
            let flood = flood.stop().await?;
            check("the bytes of the flood that the server returned", flooded.await??, flood.bytes)?;
            let mut echoed = 0;
            for server in pinged {
                echoed += server.await??;
            }
            check(
                "the bytes of the pings that the server returned",
                echoed,
                clients * pings * PING as u64,
            )?;
            check("the pings that were answered", times.len() as u64, clients * pings)?;
            Ok(Observed { start, elapsed, times, flood })
        })?;
        observed.evaluate()
    }
}

/// Bytes that the flood writes, and reads, at a time.
const CHUNK: usize = 64 * 1024;

/// Bytes that the server takes at a time. Few beside the above, so that it is the server that the
/// flood waits for, even when all of them share two processors: what the flood has written
/// meanwhile lasts while its threads are not running.
const SIP: usize = 1024;

/// Bytes in a ping.
const PING: usize = 64;

/// What the flood consists of.
const DROP: u8 = 0xA5;

/// From the flood's start to the first ping.
const LEAD: Duration = Duration::from_millis(5);

/// A connection's two ends: the client's, and the server's.
async fn connect(
    reactor: &Handle,
    listener: &TcpListener,
) -> Result<(TcpStream, TcpStream), Failure> {
    let address = listener.local_addr().map_err(io("asking for the listener's address"))?;
    let client = TcpStream::connect(reactor, address).await.map_err(io("connecting"))?;
    let (server, _) = listener.accept().await.map_err(io("accepting"))?;
    for stream in [&client, &server] {
        stream.set_nodelay(true).map_err(io("setting TCP_NODELAY"))?;
    }
    Ok((client, server))
}

/// The life of one ping.
#[derive(Clone, Copy, Debug)]
struct Times {
    due: Instant,
    sent: Instant,
    done: Instant,
}

/// A client: sends a ping when it is due, or when the one before has come back if that is later.
async fn ping_all(
    reactor: Handle,
    stream: TcpStream,
    due: Vec<Instant>,
) -> Result<Vec<Times>, Failure> {
    let mut times = Vec::with_capacity(due.len());
    let mut answer = [0; PING];
    for (due, number) in due.into_iter().zip(0_u64..) {
        let message = [number as u8; PING];
        sleep_until(&reactor, due).await;
        let sent = Instant::now();
        stream.write_all(&message).await.map_err(io("sending a ping"))?;
        stream.read_exact(&mut answer).await.map_err(io("reading the answer to a ping"))?;
        check("the answer to a ping", answer, message)?;
        times.push(Times { due, sent, done: Instant::now() });
    }
    Ok(times)
}

/// The threads that make the flood. They end when this is dropped, or when their socket breaks.
struct Source {
    stop: Stop,
    written: oneshot::Receiver<io::Result<Written>>,
    read: oneshot::Receiver<io::Result<u64>>,
}

/// What the thread that writes did.
#[derive(Clone, Copy, Debug)]
struct Written {
    bytes: u64,
    /// When it stopped.
    end: Instant,
}

impl Source {
    fn start(stream: TcpStream, until: Instant, most: u64) -> Result<Self, Failure> {
        let stream = stream.into_std();
        let blocking = || {
            stream.set_nonblocking(false)?;
            stream.try_clone()
        };
        let reading = blocking().map_err(io("preparing the flood's socket"))?;
        let stop = Stop(Arc::default());
        let stopped = Arc::clone(&stop.0);
        // Relaxed, here and in the drop: nothing is read behind it.
        let go_on =
            move |sent| sent < most && Instant::now() < until && !stopped.load(Ordering::Relaxed);
        let written = outside(move || write_flood(&stream, go_on))?;
        let read = outside(move || read_flood(&reading))?;
        Ok(Self { stop, written, read })
    }

    /// Stops the flood and waits for its last byte.
    async fn stop(self) -> Result<Written, Failure> {
        drop(self.stop);
        let lost = |_| Failure::Lost("a thread of the flood");
        let written = self.written.await.map_err(lost)?.map_err(io("writing the flood"))?;
        let read = self.read.await.map_err(lost)?.map_err(io("reading the flood"))?;
        check("the bytes of the flood that came back", read, written.bytes)?;
        Ok(written)
    }
}

/// Ends the flood when it is dropped, also when the run fails half-way.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does `work` on a thread of its own. Nobody joins it: sending its result is the last that it
/// does.
fn outside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<oneshot::Receiver<T>, Failure> {
    let (done, result) = oneshot::channel();
    let body = move || {
        // Fails only when the run has failed, and nobody waits.
        let _ = done.send(work());
    };
    let thread = thread::Builder::new().name("flood".to_owned()).spawn(body);
    thread.map_err(io("starting a thread outside the runtime"))?;
    Ok(result)
}

/// Writes as fast as it can.
fn write_flood(mut stream: &TcpStreamStd, go_on: impl Fn(u64) -> bool) -> io::Result<Written> {
    let chunk = [DROP; CHUNK];
    let mut bytes = 0;
    while go_on(bytes) {
        stream.write_all(&chunk)?;
        bytes += CHUNK as u64;
    }
    let end = Instant::now();
    // The server returns what is left and closes, which ends the thread that reads.
    stream.shutdown(Shutdown::Write)?;
    Ok(Written { bytes, end })
}

/// Reads until the server closes. Returns how many bytes came.
fn read_flood(mut stream: &TcpStreamStd) -> io::Result<u64> {
    let mut chunk = [0; CHUNK];
    let mut bytes = 0;
    loop {
        match stream.read(&mut chunk)? {
            0 => return Ok(bytes),
            n if chunk[..n].iter().all(|byte| *byte == DROP) => bytes += n as u64,
            _ => {
                return Err(io::Error::other("the server returned something that it was not sent"));
            }
        }
    }
}

/// What happened.
struct Observed {
    start: Instant,
    elapsed: Duration,
    times: Vec<Times>,
    flood: Written,
}

impl Observed {
    fn evaluate(&self) -> Result<Sample, Failure> {
        let ns = |from: Instant, to: Instant| to.saturating_duration_since(from).as_nanos() as u64;
        let early = self.times.iter().filter(|times| times.sent < times.due).count();
        check("the pings that were sent before they were due", early, 0)?;
        let beside = self.times.iter().filter(|times| times.due < self.flood.end).count();
        let flood_us = ns(self.start, self.flood.end) as f64 / 1e3;
        Ok(Sample {
            histograms: vec![
                ("latency", histogram(self.times.iter().map(|times| ns(times.due, times.done)))),
                (
                    "uncorrected",
                    histogram(self.times.iter().map(|times| ns(times.sent, times.done))),
                ),
            ],
            figures: vec![
                ("beside_percent", beside as f64 * 100.0 / self.times.len().max(1) as f64),
                ("flood_bytes_per_us", self.flood.bytes as f64 / flood_us.max(1.0)),
            ],
            ..Sample::work(self.elapsed, self.times.len() as u64)
        })
    }
}
