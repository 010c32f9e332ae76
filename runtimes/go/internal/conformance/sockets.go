package conformance

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

var socketBehaviours = []Behaviour{
	{"sockets::tcp_echo_between_tasks", tcpEchoBetweenTasks},
	{"sockets::tcp_echo_for_blocking_clients", tcpEchoForBlockingClients},
	{"sockets::half_closed_tcp_still_answers", halfClosedTCPStillAnswers},
	{"sockets::two_tasks_share_a_stream", twoTasksShareAStream},
	{"sockets::refused_connections_and_lost_peers_are_errors", lostPeersAreErrors},
	{"sockets::closing_wakes_who_reads", closingWakesWhoReads},
	{"sockets::udp_echo", udpEcho},
	{"sockets::unix_echo", unixEcho},
}

// serve starts a server that returns what it reads, for one connection after another, and returns
// its address and what stops it.
func serve(t *trial, network, address string) (net.Addr, func()) {
	listener, err := net.Listen(network, address)
	t.must("listening", err)
	server := do(t, func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				t.want(errors.Is(err, net.ErrClosed), "accepting: %v", err)
				return
			}
			do(t, func() {
				defer connection.Close()
				if _, err := io.Copy(connection, connection); err != nil {
					t.wrong("returning: %v", err)
				}
			})
		}
	})
	return listener.Addr(), func() {
		listener.Close()
		join(t, server)
	}
}

// talk sends messages and compares what comes back.
func talk(t *trial, connection net.Conn, messages int) {
	for i := range messages {
		sent := []byte{byte(i), byte(i >> 8), 3, 4, 5}
		received := make([]byte, len(sent))
		if _, err := connection.Write(sent); err != nil {
			t.wrong("sending: %v", err)
			return
		}
		if _, err := io.ReadFull(connection, received); err != nil {
			t.wrong("reading: %v", err)
			return
		}
		t.want(string(received) == string(sent), "%v came back as %v", sent, received)
	}
}

// echoTo lets several clients talk to a server.
func echoTo(t *trial, network, address string, clients int) {
	at, stop := serve(t, network, address)
	defer stop()
	var done []<-chan struct{}
	for range clients {
		done = append(done, do(t, func() {
			connection, err := net.Dial(network, at.String())
			if err != nil {
				t.wrong("connecting: %v", err)
				return
			}
			defer connection.Close()
			talk(t, connection, 5)
		}).Done())
	}
	for _, client := range done {
		<-client
	}
}

func tcpEchoBetweenTasks(t *trial) {
	echoTo(t, "tcp", "127.0.0.1:0", 20)
}

func unixEcho(t *trial) {
	dir, err := os.MkdirTemp("", "conformance")
	t.must("making a directory", err)
	defer os.RemoveAll(dir)
	echoTo(t, "unix", filepath.Join(dir, "socket"), 20)
}

func tcpEchoForBlockingClients(t *trial) {
	at, stop := serve(t, "tcp", "127.0.0.1:0")
	defer stop()
	join(t, onThread(t, func() {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		t.must("making a socket", err)
		defer syscall.Close(fd)
		peer := &syscall.SockaddrInet4{Port: at.(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
		t.must("connecting", syscall.Connect(fd, peer))
		for i := range byte(50) {
			received := []byte{0}
			if _, err := syscall.Write(fd, []byte{i}); err != nil {
				t.wrong("sending: %v", err)
			}
			if n, err := syscall.Read(fd, received); n != 1 || err != nil || received[0] != i {
				t.wrong("%d came back as %v, %v", i, received, err)
				return
			}
		}
	}))
}

func connect(t *trial) (client, server *net.TCPConn) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	t.must("listening", err)
	defer listener.Close()
	client, err = net.DialTCP("tcp4", nil, listener.Addr().(*net.TCPAddr))
	t.must("connecting", err)
	server, err = listener.AcceptTCP()
	t.must("accepting", err)
	return client, server
}

// A client that has said all that it has to say still hears the answer.
func halfClosedTCPStillAnswers(t *trial) {
	client, server := connect(t)
	defer client.Close()
	answering := do(t, func() {
		defer server.Close()
		asked, err := io.ReadAll(server)
		t.want(err == nil && string(asked) == "question", "the question is %q, %v", asked, err)
		_, err = server.Write([]byte("answer"))
		t.want(err == nil, "answering: %v", err)
	})
	_, err := client.Write([]byte("question"))
	t.must("asking", err)
	t.must("closing one half", client.CloseWrite())
	answer, err := io.ReadAll(client)
	t.want(err == nil && string(answer) == "answer", "the answer is %q, %v", answer, err)
	join(t, answering)
}

func twoTasksShareAStream(t *trial) {
	const bytes = 1 << 20
	client, server := connect(t)
	defer client.Close()
	returning := do(t, func() {
		defer server.Close()
		_, err := io.Copy(server, server)
		t.want(err == nil, "returning: %v", err)
	})
	writing := do(t, func() {
		_, err := client.Write(make([]byte, bytes))
		t.want(err == nil, "sending: %v", err)
		err = client.CloseWrite()
		t.want(err == nil, "closing one half: %v", err)
	})
	n, err := io.Copy(io.Discard, client)
	t.want(n == bytes && err == nil, "%d bytes came back, %v", n, err)
	join(t, writing)
	join(t, returning)
}

func lostPeersAreErrors(t *trial) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	t.must("listening", err)
	address := listener.Addr().String()
	listener.Close()
	if connection, err := net.Dial("tcp", address); err == nil {
		connection.Close()
		t.wrong("a connection to nobody was made")
	} else {
		t.want(errors.Is(err, syscall.ECONNREFUSED), "a connection to nobody gives %v", err)
	}
	client, server := connect(t)
	defer client.Close()
	reading := spawn(t, func() error { _, err := client.Read(make([]byte, 1)); return err })
	t.must("setting SO_LINGER", server.SetLinger(0))
	server.Close()
	err = join(t, reading)
	t.want(errors.Is(err, syscall.ECONNRESET), "a reset gives %v", err)
}

func closingWakesWhoReads(t *trial) {
	client, server := connect(t)
	defer server.Close()
	reading := spawn(t, func() error { _, err := client.Read(make([]byte, 1)); return err })
	client.Close()
	err := join(t, reading)
	t.want(errors.Is(err, net.ErrClosed), "reading from what was closed gives %v", err)
}

func udpEcho(t *trial) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	t.must("binding", err)
	returning := do(t, func() {
		buffer := make([]byte, 16)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				t.want(errors.Is(err, net.ErrClosed), "receiving: %v", err)
				return
			}
			_, err = server.WriteTo(buffer[:n], from)
			t.want(err == nil, "returning: %v", err)
		}
	})
	client, err := net.Dial("udp", server.LocalAddr().String())
	t.must("binding", err)
	talk(t, client, 20)
	client.Close()
	server.Close()
	join(t, returning)
}
