//! Short connections: connect, one request, one answer, close.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Instant;

use runtimes::net::{TcpListener, TcpStream};
use runtimes::reactor::Handle;
use runtimes::{Join, JoinError, Runtime, Spawner};

use crate::drive::drive;
use crate::reset::reset_on_close;
use crate::workload::{check, io};
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// HTTP without keep-alive, in small: 16 clients open 25 connections each, one after another, for
/// one request of 64 bytes. The server is one task that accepts and one task per connection.
///
/// A client closes by reset once the answer is verified: an orderly close would leave every port in
/// TIME_WAIT for a minute, and long runs would find none left.
#[derive(Debug)]
pub struct AcceptStorm;

impl Workload for AcceptStorm {
    const DEFINITION: Definition = Definition {
        name: "accept_storm",
        summary: "Client tasks connect over loopback, send one request, read the answer and \
         close; each connection gets a server task.",
        shows: "the cost of a connection's life: accept, registration with epoll, a new task, two \
         wakes",
        unit: "connections",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param { name: "clients", default: 16, min: 1, max: 1_000, help: "client tasks" },
            Param {
                name: "connections",
                default: 25,
                min: 1,
                max: 1_000_000,
                help: "connections of each client in one iteration, one after another",
            },
            Param {
                name: "bytes",
                default: 64,
                min: 8,
                max: 65_536,
                help: "bytes in a request \
             and in its answer",
            },
        ],
        small: &[("clients", 4), ("connections", 10)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (clients, tasks) = (params.get("clients"), params.size("clients"));
        let bytes = params.size("bytes");
        let connections = params.get("connections") * iterations;
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let reactor = spawner.reactor().clone();
            let listener =
                TcpListener::bind(&reactor, (Ipv4Addr::LOCALHOST, 0)).map_err(io("listening"))?;
            let address = listener.local_addr().map_err(io("asking for the listener's address"))?;
            let mut server = spawner.spawn(accept_all(spawner.clone(), listener, bytes));
            let mut running = Vec::with_capacity(tasks);
            let start = Instant::now();
            running.extend((0..clients).map(|client| {
                let first = client * connections;
                spawner.spawn(connect_all(
                    reactor.clone(),
                    address,
                    first..first + connections,
                    bytes,
                ))
            }));
            let answered = count(&mut running).await;
            let elapsed = start.elapsed();
            // The server's own failure comes first: the clients only see its consequences.
            server.abort();
            match server.await {
                Ok(failure) => return Err(failure),
                Err(JoinError::Cancelled) => {}
                Err(panicked) => return Err(panicked.into()),
            }
            check("the requests answered", answered?, clients * connections)?;
            Ok(elapsed)
        })?;
        Ok(Sample::work(elapsed, clients * connections))
    }
}

/// Accepts until it is aborted or `accept` fails, and serves each connection in a task of its own.
async fn accept_all<S: Spawner>(spawner: S, listener: TcpListener, bytes: usize) -> Failure {
    loop {
        match listener.accept().await {
            // What goes wrong with one connection its client sees.
            Ok((stream, _)) => drop(spawner.spawn(serve(stream, bytes))),
            Err(error) => return io("accepting")(error),
        }
    }
}

/// Answers one request with its number plus one, and closes.
async fn serve(stream: TcpStream, bytes: usize) -> std::io::Result<()> {
    let mut message = vec![0; bytes];
    stream.read_exact(&mut message).await?;
    let number = read_number(&message);
    write_number(&mut message, number + 1);
    stream.write_all(&message).await
}

/// Opens one connection for each of `numbers`, one after another, and returns how many were
/// answered.
async fn connect_all(
    reactor: Handle,
    address: SocketAddr,
    numbers: Range<u64>,
    bytes: usize,
) -> Result<u64, Failure> {
    let mut answered = 0;
    let mut message = vec![0; bytes];
    for number in numbers {
        let stream = TcpStream::connect(&reactor, address).await.map_err(io("connecting"))?;
        write_number(&mut message, number);
        stream.write_all(&message).await.map_err(io("sending a request"))?;
        stream.read_exact(&mut message).await.map_err(io("reading an answer"))?;
        check("the answer", read_number(&message), number + 1)?;
        reset_on_close(&stream)?;
        answered += 1;
    }
    Ok(answered)
}

async fn count<J: Join<Result<u64, Failure>>>(clients: &mut [J]) -> Result<u64, Failure> {
    let mut answered = 0;
    for client in clients {
        answered += client.await??;
    }
    Ok(answered)
}

/// A message begins with a number of eight bytes, for which the definition makes it long enough.
fn read_number(message: &[u8]) -> u64 {
    message.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn write_number(message: &mut [u8], number: u64) {
    message[..size_of::<u64>()].copy_from_slice(&number.to_le_bytes());
}
