//! An echo server in direct style: it reads like one that blocks a thread for each connection, but
//! its connections are coroutines on two workers.
//!
//! `cargo run -p runtimes --example direct_echo`

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};

use runtimes::reactor::Handle;
use runtimes::stackful::StackfulExecutor;
use runtimes::stackful::direct::{TcpListener, TcpStream};
use runtimes::stackful::{go, wait};
use runtimes::{Config, Runtime, Spawner};

const CLIENTS: usize = 100;

/// Sends back what comes until the client has nothing more to say. Returns how many bytes that
/// were.
fn serve(stream: &TcpStream) -> io::Result<u64> {
    io::copy(&mut &*stream, &mut &*stream)
}

/// Says three lines and listens for each.
fn talk(reactor: &Handle, server: SocketAddr, name: usize) -> io::Result<()> {
    let stream = TcpStream::connect(reactor, server)?;
    let mut replies = BufReader::new(&stream).lines();
    for word in ["hello", "how are you", "goodbye"] {
        writeln!(&stream, "{word}, says {name}")?;
        let reply = replies.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        assert_eq!(reply, format!("{word}, says {name}"));
    }
    stream.shutdown(Shutdown::Both)
}

/// Runs server and clients.
///
/// # Errors
/// What sockets and tasks say.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let runtime = StackfulExecutor::start(&Config::new(2))?;
    let spawner = runtime.spawner().clone();
    let reactor = spawner.reactor().clone();
    let listener = TcpListener::bind(&reactor, (Ipv4Addr::LOCALHOST, 0))?;
    let server = listener.local_addr()?;

    let clients: Vec<_> = (0..CLIENTS)
        .map(|name| {
            let reactor = reactor.clone();
            go(&spawner, move || talk(&reactor, server, name))
        })
        .collect();
    let bytes = go(&spawner.clone(), move || -> io::Result<u64> {
        let mut connections = Vec::new();
        for _ in 0..CLIENTS {
            let (stream, _) = listener.accept()?;
            connections.push(go(&spawner, move || serve(&stream)));
        }
        connections.into_iter().map(|connection| wait(connection).expect("nobody aborts it")).sum()
    });
    for client in clients {
        runtime.block_on(client)??;
    }
    println!("{} bytes for {CLIENTS} clients", runtime.block_on(bytes)??);
    Ok(())
}
