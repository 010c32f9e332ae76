//! The echo of [`tcp_echo`](crate::tcp_echo), on the sockets that each runtime's own authors
//! provide.

use std::net::Ipv4Addr;
use std::time::Instant;

use runtimes::sockets::{Listener, Sockets, Stream};
use runtimes::{Config, Runtime, Spawner};
use rustix::net::sockopt::set_tcp_nodelay;

use crate::drive::drive;
use crate::reset::reset_on_close;
use crate::workload::{check, io};
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// The other echo isolates the scheduler: all runtimes wait for the same epoll loop. Here each has
/// what its users have: tokio its I/O driver, async-executor async-io, monoio and may their own
/// epoll, ours the shared reactor. The difference between the two is what a foreign reactor costs a
/// peer. Connections, sizes, the clock and what is verified are the same.
#[derive(Debug)]
pub struct TcpEchoOwn;

impl Workload for TcpEchoOwn {
    const DEFINITION: Definition = Definition {
        name: "tcp_echo_own",
        summary: "Own reactor: the echo of tcp_echo, each runtime on the sockets and the reactor \
         of its own authors.",
        shows: "own reactor: what its users get from a whole runtime; beside tcp_echo, what the \
         shared reactor costs a peer",
        unit: "round trips",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param {
                name: "connections",
                default: 64,
                min: 1,
                max: 10_000,
                help: "connections, \
             two tasks for each",
            },
            Param { name: "bytes", default: 64, min: 1, max: 1 << 20, help: "bytes in a message" },
            Param {
                name: "round_trips",
                default: 10,
                min: 1,
                max: 1_000_000,
                help: "messages on each connection in one iteration",
            },
        ],
        small: &[("connections", 8), ("round_trips", 10)],
    };

    fn config(workers: usize) -> Config {
        let mut config = Config::new(workers);
        config.own_sockets = true;
        config
    }

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (connections, bytes) = (params.get("connections"), params.size("bytes"));
        let round_trips = params.get("round_trips") * iterations;
        let sockets = runtime.sockets().ok_or(Failure::NotOffered(
            "this runtime has no sockets of \
         its own",
        ))?;
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let any_port = (Ipv4Addr::LOCALHOST, 0).into();
            let mut listener = sockets.listen(any_port).await.map_err(io("listening"))?;
            let address = listener.local_addr().map_err(io("asking for the listener's address"))?;
            let mut clients = Vec::new();
            let mut servers = Vec::new();
            for _ in 0..connections {
                let client = sockets.connect(address).await.map_err(io("connecting"))?;
                let server = listener.accept().await.map_err(io("accepting"))?;
                for socket in [client.descriptor(), server.descriptor()] {
                    set_tcp_nodelay(socket, true)
                        .map_err(|e| io("setting TCP_NODELAY")(e.into()))?;
                }
                // The client closes first; the server's reset then frees the port.
                reset_on_close(server.descriptor())?;
                servers.push(spawner.spawn(echo(server, vec![0; bytes].into())));
                clients.push(Client { stream: client, bytes });
            }
            let mut running = Vec::with_capacity(clients.len());
            let start = Instant::now();
            running.extend(
                clients
                    .into_iter()
                    .zip(0..)
                    .map(|(client, i)| spawner.spawn(client.talk(i, round_trips))),
            );
            for client in running {
                client.await??;
            }
            let elapsed = start.elapsed();
            let mut echoed = 0;
            for server in servers {
                echoed += server.await??;
            }
            check(
                "the bytes that the servers returned",
                echoed,
                connections * round_trips * bytes as u64,
            )?;
            Ok(elapsed)
        })?;
        Ok(Sample::work(elapsed, connections * round_trips))
    }
}

/// Returns what it reads until the client closes, and how many bytes that was.
async fn echo<S: Stream>(mut stream: S, mut buffer: Box<[u8]>) -> Result<u64, Failure> {
    let mut total = 0;
    loop {
        let (read, filled) = stream.read(buffer).await;
        let n = read.map_err(io("reading a request"))?;
        if n == 0 {
            return Ok(total);
        }
        let (written, emptied) = stream.write_all(filled, n).await;
        written.map_err(io("returning a request"))?;
        buffer = emptied;
        total += n as u64;
    }
}

struct Client<S> {
    stream: S,
    bytes: usize,
}

impl<S: Stream> Client<S> {
    /// Sends `messages` messages, each of them when the one before has come back as it was sent.
    async fn talk(mut self, number: u64, messages: u64) -> Result<(), Failure> {
        let mut sent: Box<[u8]> = vec![0; self.bytes].into();
        let mut received = sent.clone();
        for message in 0..messages {
            // Neighbours in time and neighbouring connections send different bytes.
            sent.fill((number * 31 + message) as u8);
            let (written, buffer) = self.stream.write_all(sent, self.bytes).await;
            written.map_err(io("sending a request"))?;
            sent = buffer;
            let (read, buffer) = self.stream.read_exact(received).await;
            read.map_err(io("reading an answer"))?;
            received = buffer;
            if received != sent {
                check("the answer", &received, &sent)?;
            }
        }
        Ok(())
    }
}
