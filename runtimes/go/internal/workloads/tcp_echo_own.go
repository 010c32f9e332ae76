package workloads

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// tcpEchoOwn: each client sends a message over loopback, a server returns it, and the client sends
// the next. The sockets are those of package net, on Go's own poller.
var tcpEchoOwn = Workload{
	Name: "tcp_echo_own",
	Params: []Param{
		{Name: "connections", Default: 64, Min: 1, Max: 10_000},
		{Name: "bytes", Default: 64, Min: 1, Max: 1 << 20},
		{Name: "round_trips", Default: 10, Min: 1, Max: 1_000_000},
	},
	Small: Params{"connections": 8, "round_trips": 10},
	Run:   runTCPEchoOwn,
}

func runTCPEchoOwn(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	connections, bytes := params["connections"], params["bytes"]
	roundTrips := params["round_trips"] * iterations
	if err := requireRoom(connections, 3*bytes+2*idleBytes); err != nil {
		return Sample{}, err
	}
	elapsed, err := drive(rt, func() (time.Duration, error) {
		clients, servers, err := connectAll(rt, connections, bytes)
		if err != nil {
			return 0, err
		}
		running := make([]*sched.Task[error], 0, connections)
		start := time.Now()
		for i, client := range clients {
			running = append(running, sched.Spawn(rt, func() error {
				return client.talk(uint64(i), roundTrips)
			}))
		}
		for _, task := range running {
			failure, err := task.Join()
			if err != nil {
				return 0, err
			}
			if failure != nil {
				return 0, failure
			}
		}
		elapsed := time.Since(start)
		echoed := uint64(0)
		for _, server := range servers {
			n, err := join(server)
			if err != nil {
				return 0, err
			}
			echoed += n
		}
		return elapsed, check("the bytes that the servers returned", echoed,
			connections*roundTrips*bytes)
	})
	return work(elapsed, connections*roundTrips), err
}

// echoTask is a server, which returns how many bytes it returned.
type echoTask = *sched.Task[outcome[uint64]]

// connectAll makes the connections and starts their servers.
func connectAll(rt *sched.Runtime, connections, bytes uint64) ([]echoClient, []echoTask, error) {
	listener, address, err := listen()
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	var clients []echoClient
	var servers []echoTask
	for range connections {
		client, err := net.DialTCP("tcp4", nil, address)
		if err != nil {
			return nil, nil, err
		}
		server, err := listener.AcceptTCP()
		if err != nil {
			return nil, nil, err
		}
		// The client closes first; the server's reset then frees the port. TCP_NODELAY is set on
		// every connection that package net makes.
		if err := resetOnClose(server); err != nil {
			return nil, nil, err
		}
		buffer := make([]byte, bytes)
		servers = append(servers, spawn(rt, func() (uint64, error) { return echo(server, buffer) }))
		clients = append(clients, echoClient{client, make([]byte, bytes), make([]byte, bytes)})
	}
	return clients, servers, nil
}

// echo returns what it reads until the client closes, and then how many bytes that was.
func echo(connection *net.TCPConn, buffer []byte) (total uint64, err error) {
	defer connection.Close()
	for {
		n, err := connection.Read(buffer)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, fmt.Errorf("reading a request: %w", err)
		}
		if _, err := connection.Write(buffer[:n]); err != nil {
			return total, fmt.Errorf("returning a request: %w", err)
		}
		total += uint64(n)
	}
}

type echoClient struct {
	connection     *net.TCPConn
	sent, received []byte
}

// talk sends messages, each of them when the one before has come back as it was sent.
func (c *echoClient) talk(number, messages uint64) error {
	defer c.connection.Close()
	for message := range messages {
		// Neighbours in time and neighbouring connections send different bytes.
		fill(c.sent, byte(number*31+message))
		if _, err := c.connection.Write(c.sent); err != nil {
			return fmt.Errorf("sending a request: %w", err)
		}
		if _, err := io.ReadFull(c.connection, c.received); err != nil {
			return fmt.Errorf("reading an answer: %w", err)
		}
		if !bytes.Equal(c.received, c.sent) {
			return check("the answer", string(c.received), string(c.sent))
		}
	}
	return nil
}

func fill(buffer []byte, value byte) {
	for i := range buffer {
		buffer[i] = value
	}
}
