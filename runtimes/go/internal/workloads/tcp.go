package workloads

import (
	"net"
)

// listen opens a port of the loopback interface.
func listen() (*net.TCPListener, *net.TCPAddr, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, err
	}
	return listener, listener.Addr().(*net.TCPAddr), nil
}

// resetOnClose makes closing the connection send a reset and forget it at once, on both ends. An
// orderly close keeps the port of whoever closes first for a minute, and long runs would find none
// left.
func resetOnClose(connection *net.TCPConn) error {
	return connection.SetLinger(0)
}
