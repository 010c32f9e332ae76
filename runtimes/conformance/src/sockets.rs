//! TCP, UDP and Unix sockets as leaf futures of the runtime under test.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::thread;

use futures_lite::future::{block_on, yield_now};
use runtimes::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use runtimes::reactor::is_shut_down_error;
use runtimes::{Runtime, Spawner};

use crate::support::{Case, Drops, Launch, Run, Signal, finish};

/// Any free port of the loopback interface.
fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Sends back what arrives, until the other side has no more to say.
async fn echo(stream: TcpStream) {
    let mut buffer = [0; 512];
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => return,
            n => stream.write_all(&buffer[..n]).await.unwrap(),
        }
    }
}

/// Accepts `connections` and serves each in a task of its own.
fn serve<S: Spawner>(spawner: &S, connections: usize) -> (S::Join<()>, SocketAddr) {
    let listener = TcpListener::bind(spawner.reactor(), loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    let inner = spawner.clone();
    let server = spawner.launch(async move {
        let mut served = Vec::new();
        for _ in 0..connections {
            let (stream, _) = listener.accept().await.unwrap();
            served.push(inner.launch(echo(stream)));
        }
        for connection in served {
            connection.await.unwrap();
        }
    });
    (server, address)
}

pub(crate) fn tcp_echo_between_tasks<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    runtime.run(async {
        let (server, address) = serve(spawner, 8);
        let clients: Vec<_> = (0..8_u8)
            .map(|i| {
                let handle = spawner.reactor().clone();
                spawner.launch(async move {
                    let stream = TcpStream::connect(&handle, address).await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let (sent, mut received) = ([i; 64], [0; 64]);
                    for _ in 0..20 {
                        stream.write_all(&sent).await.unwrap();
                        stream.read_exact(&mut received).await.unwrap();
                        assert_eq!(received, sent);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.await.unwrap();
    });
    finish(runtime);
}

pub(crate) fn tcp_echo_for_blocking_clients<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let (server, address) = serve(runtime.spawner(), 4);
    let clients: Vec<_> = (0..4_u8)
        .map(|i| {
            thread::spawn(move || {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                for _ in 0..50 {
                    stream.write_all(&[i; 100]).unwrap();
                    let mut received = [0; 100];
                    stream.read_exact(&mut received).unwrap();
                    assert_eq!(received, [i; 100]);
                }
            })
        })
        .collect();
    runtime.run(server).unwrap();
    clients.into_iter().for_each(|client| client.join().unwrap());
    finish(runtime);
}

pub(crate) fn half_closed_tcp_still_answers<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    let listener = TcpListener::bind(spawner.reactor(), loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    let server = spawner.launch(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (mut total, mut buffer) = (0, [0; 128]);
        loop {
            match stream.read(&mut buffer).await.unwrap() {
                0 => break,
                n => total += n,
            }
        }
        // The client has closed its side; ours is still open.
        stream.write_all(&(total as u64).to_le_bytes()).await.unwrap();
    });
    let handle = spawner.reactor().clone();
    let client = spawner.launch(async move {
        let stream = TcpStream::connect(&handle, address).await.unwrap();
        stream.write_all(&[1; 1_000]).await.unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
        u64::from_le_bytes(answer)
    });
    assert_eq!(runtime.run(client).unwrap(), 1_000);
    runtime.run(server).unwrap();
    finish(runtime);
}

pub(crate) fn two_tasks_share_a_stream<R: Runtime>(case: &Case<R>) {
    // More than all buffers on the way hold: writer and reader each have to wait for the other
    // side.
    const BYTES: usize = 4 << 20;
    let runtime = case.start();
    let spawner = runtime.spawner();
    runtime.run(async {
        let (server, address) = serve(spawner, 1);
        let stream = Arc::new(TcpStream::connect(spawner.reactor(), address).await.unwrap());
        let writer = {
            let stream = Arc::clone(&stream);
            spawner.launch(async move {
                let block: Vec<u8> = (0..=u8::MAX).cycle().take(BYTES).collect();
                stream.write_all(&block).await.unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            })
        };
        let reader = spawner.launch(async move {
            let mut received = vec![0; BYTES];
            stream.read_exact(&mut received).await.unwrap();
            received.iter().zip((0..=u8::MAX).cycle()).all(|(&got, want)| got == want)
        });
        assert!(reader.await.unwrap(), "every byte arrives, in order");
        writer.await.unwrap();
        server.await.unwrap();
    });
    finish(runtime);
}

pub(crate) fn refused_connections_and_lost_peers_are_errors<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    let handle = spawner.reactor().clone();
    // A port that was free a moment ago.
    let unused = std::net::TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let refused =
        spawner.launch(async move { TcpStream::connect(&handle, unused).await.map(drop) });
    let error = runtime.run(refused).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    // A peer that goes away with unread bytes resets the connection.
    let listener = TcpListener::bind(spawner.reactor(), loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    let server = spawner.launch(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.write_all(&[0; 64]).await.unwrap();
        let mut buffer = [0; 1];
        stream.read(&mut buffer).await
    });
    let client = thread::spawn(move || {
        let stream = std::net::TcpStream::connect(address).unwrap();
        while stream.peek(&mut [0; 64]).unwrap() < 64 {}
        drop(stream);
    });
    let outcome = runtime.run(server).unwrap();
    assert!(
        outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset),
        "{outcome:?}"
    );
    client.join().unwrap();
    finish(runtime);
}

pub(crate) fn udp_echo<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    let server_socket = UdpSocket::bind(spawner.reactor(), loopback()).unwrap();
    let server_address = server_socket.local_addr().unwrap();
    let server = spawner.launch(async move {
        let mut buffer = [0; 64];
        for _ in 0..50 {
            let (n, from) = server_socket.recv_from(&mut buffer).await.unwrap();
            server_socket.send_to(&buffer[..n], from).await.unwrap();
        }
    });
    let client_socket = UdpSocket::bind(spawner.reactor(), loopback()).unwrap();
    let client = spawner.launch(async move {
        client_socket.connect(server_address).unwrap();
        let mut buffer = [0; 64];
        for i in 0..50_u8 {
            client_socket.send(&[i; 10]).await.unwrap();
            let n = client_socket.recv(&mut buffer).await.unwrap();
            assert_eq!(buffer[..n], [i; 10]);
        }
    });
    runtime.run(client).unwrap();
    runtime.run(server).unwrap();
    finish(runtime);
}

pub(crate) fn unix_echo<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    let (near, far) = UnixStream::pair(spawner.reactor()).unwrap();
    let server = spawner.launch(async move {
        let mut buffer = [0; 64];
        loop {
            match far.read(&mut buffer).await.unwrap() {
                0 => return,
                n => far.write_all(&buffer[..n]).await.unwrap(),
            }
        }
    });
    let client = spawner.launch(async move {
        let mut buffer = [0; 10];
        for i in 0..50_u8 {
            near.write_all(&[i; 10]).await.unwrap();
            near.read_exact(&mut buffer).await.unwrap();
            assert_eq!(buffer, [i; 10]);
            yield_now().await;
        }
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(near.read(&mut buffer).await.unwrap(), 0);
    });
    runtime.run(client).unwrap();
    runtime.run(server).unwrap();
    finish(runtime);
}

pub(crate) fn shutdown_closes_the_sockets_of_its_tasks<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let (drops, started) = (Drops::default(), Signal::default());
    let listener = TcpListener::bind(runtime.spawner().reactor(), loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    let (probe, raise) = (drops.probe(), started.clone());
    drop(runtime.spawner().launch(async move {
        let _probe = probe;
        let (stream, _) = listener.accept().await.unwrap();
        raise.raise();
        // Two things to wait for, on two descriptors, when the end comes.
        let mut buffer = [0; 1];
        let read = async { drop(stream.read(&mut buffer).await) };
        let accept = async { drop(listener.accept().await) };
        futures_lite::future::or(read, accept).await;
    }));
    let mut client = std::net::TcpStream::connect(address).unwrap();
    runtime.run(started.reached(1));
    finish(runtime);
    assert_eq!(drops.count(), 1);
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0, "the connection is closed");
    let error = std::net::TcpStream::connect(address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "nobody listens any more");
}

pub(crate) fn a_socket_outlives_its_runtime<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let handle = runtime.spawner().reactor().clone();
    let (near, far) = UnixStream::pair(&handle).unwrap();
    runtime.run(near.write_all(&[1])).unwrap();
    finish(runtime);
    // No reactor will ever report readiness: an error is the only answer that is not a hang.
    let error = block_on(async {
        let mut buffer = [0; 1];
        let first = far.read(&mut buffer).await;
        match first {
            Ok(1) => far.read(&mut buffer).await.expect_err("nothing more was sent"),
            Ok(n) => panic!("{n} bytes of the one that was sent"),
            Err(error) => error,
        }
    });
    assert!(is_shut_down_error(&error), "{error}");
    assert!(UnixStream::pair(&handle).is_err_and(|error| is_shut_down_error(&error)));
}
