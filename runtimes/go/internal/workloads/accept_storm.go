package workloads

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// acceptStorm: clients connect over loopback, send one request, read the answer and close; each
// connection gets a server of its own.
var acceptStorm = Workload{
	Name: "accept_storm",
	Params: []Param{
		{Name: "clients", Default: 16, Min: 1, Max: 1_000},
		{Name: "connections", Default: 25, Min: 1, Max: 1_000_000},
		{Name: "bytes", Default: 64, Min: 8, Max: 65_536},
	},
	Small: Params{"clients": 4, "connections": 10},
	Run:   runAcceptStorm,
}

func runAcceptStorm(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	clients, bytes := params["clients"], params["bytes"]
	connections := params["connections"] * iterations
	elapsed, err := drive(rt, func() (time.Duration, error) {
		listener, address, err := listen()
		if err != nil {
			return 0, err
		}
		server := sched.Spawn(rt, func() error { return acceptAll(rt, listener, bytes) })
		running := make([]*sched.Task[outcome[uint64]], 0, clients)
		start := time.Now()
		for client := range clients {
			running = append(running, spawn(rt, func() (uint64, error) {
				return connectInTurn(address, client*connections, connections, bytes)
			}))
		}
		answered, clientErr := joinAll(running)
		elapsed := time.Since(start)
		listener.Close()
		failure, err := server.Join()
		// The server's own failure comes first: the clients only see its consequences.
		for _, err := range []error{err, failure, clientErr} {
			if err != nil {
				return 0, err
			}
		}
		return elapsed, check("the requests answered", answered, clients*connections)
	})
	return work(elapsed, clients*connections), err
}

// joinAll returns the sum of what the tasks return.
func joinAll(tasks []*sched.Task[outcome[uint64]]) (sum uint64, err error) {
	for _, task := range tasks {
		n, err := join(task)
		if err != nil {
			return sum, err
		}
		sum += n
	}
	return sum, nil
}

// acceptAll serves each connection in a goroutine of its own until the listener is closed, and
// returns when all of these have ended.
func acceptAll(rt *sched.Runtime, listener *net.TCPListener, bytes uint64) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		connection, err := listener.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accepting: %w", err)
		}
		serving.Add(1)
		go func() {
			defer serving.Done()
			defer rt.Catch()
			serve(connection, bytes)
		}()
	}
}

// serve answers one request with its number plus one, and closes. What goes wrong with the
// connection its client sees.
func serve(connection *net.TCPConn, bytes uint64) {
	defer connection.Close()
	message := make([]byte, bytes)
	if _, err := io.ReadFull(connection, message); err != nil {
		return
	}
	writeNumber(message, readNumber(message)+1)
	connection.Write(message)
}

// connectInTurn opens one connection for each of the numbers first … first + count − 1, one after
// another, and returns how many were answered.
func connectInTurn(address *net.TCPAddr, first, count, bytes uint64) (uint64, error) {
	answered := uint64(0)
	message := make([]byte, bytes)
	for number := first; number < first+count; number++ {
		if err := ask(address, number, message); err != nil {
			return answered, err
		}
		answered++
	}
	return answered, nil
}

// ask sends number over a connection of its own and verifies the answer.
func ask(address *net.TCPAddr, number uint64, message []byte) error {
	connection, err := net.DialTCP("tcp4", nil, address)
	if err != nil {
		return err
	}
	defer connection.Close()
	writeNumber(message, number)
	if _, err := connection.Write(message); err != nil {
		return fmt.Errorf("sending a request: %w", err)
	}
	if _, err := io.ReadFull(connection, message); err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	if err := check("the answer", readNumber(message), number+1); err != nil {
		return err
	}
	return resetOnClose(connection)
}

func readNumber(message []byte) uint64 {
	return binary.LittleEndian.Uint64(message)
}

func writeNumber(message []byte, number uint64) {
	binary.LittleEndian.PutUint64(message, number)
}
