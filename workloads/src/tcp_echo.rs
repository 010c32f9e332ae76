//! Clients and servers on one runtime exchange small messages over loopback.

use std::net::Ipv4Addr;
use std::time::Instant;

use runtimes::net::{TcpListener, TcpStream};
use runtimes::{Runtime, Spawner};

use crate::drive::drive;
use crate::reset::reset_on_close;
use crate::workload::{check, io};
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// The echo of most comparisons of network runtimes (monoio's and glommio's among them), in a
/// closed loop: 64 connections × 64 bytes. Connections are made and servers started before the
/// clock; each client sends its next message when it has read the last one back and compared it.
#[derive(Debug)]
pub struct TcpEcho;

impl Workload for TcpEcho {
    const DEFINITION: Definition = Definition {
        name: "tcp_echo",
        summary: "Each client task sends a message over loopback, a server task returns it, and \
         the client sends the next.",
        shows: "the path from epoll to the task and back: reactor turns, wakes and system calls \
         per message",
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

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (connections, bytes) = (params.get("connections"), params.size("bytes"));
        let round_trips = params.get("round_trips") * iterations;
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let reactor = spawner.reactor().clone();
            let listener =
                TcpListener::bind(&reactor, (Ipv4Addr::LOCALHOST, 0)).map_err(io("listening"))?;
            let address = listener.local_addr().map_err(io("asking for the listener's address"))?;
            let mut clients = Vec::new();
            let mut servers = Vec::new();
            for _ in 0..connections {
                let client =
                    TcpStream::connect(&reactor, address).await.map_err(io("connecting"))?;
                let (server, _) = listener.accept().await.map_err(io("accepting"))?;
                for stream in [&client, &server] {
                    stream.set_nodelay(true).map_err(io("setting TCP_NODELAY"))?;
                }
                // The client closes first; the server's reset then frees the port.
                reset_on_close(&server)?;
                servers.push(spawner.spawn(echo(server, vec![0; bytes])));
                clients.push(Client {
                    stream: client,
                    sent: vec![0; bytes],
                    received: vec![0; bytes],
                });
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
pub(crate) async fn echo(stream: TcpStream, mut buffer: Vec<u8>) -> Result<u64, Failure> {
    let mut total = 0;
    loop {
        let n = stream.read(&mut buffer).await.map_err(io("reading a request"))?;
        if n == 0 {
            return Ok(total);
        }
        stream.write_all(&buffer[..n]).await.map_err(io("returning a request"))?;
        total += n as u64;
    }
}

struct Client {
    stream: TcpStream,
    sent: Vec<u8>,
    received: Vec<u8>,
}

impl Client {
    /// Sends `messages` messages, each of them when the one before has come back as it was sent.
    async fn talk(mut self, number: u64, messages: u64) -> Result<(), Failure> {
        for message in 0..messages {
            // Neighbours in time and neighbouring connections send different bytes.
            self.sent.fill((number * 31 + message) as u8);
            self.stream.write_all(&self.sent).await.map_err(io("sending a request"))?;
            self.stream.read_exact(&mut self.received).await.map_err(io("reading an answer"))?;
            if self.received != self.sent {
                check("the answer", &self.received, &self.sent)?;
            }
        }
        Ok(())
    }
}
