// This program is a contestant of Stampede: Go's own scheduler, which answers requests on standard
// input, one a line, as benches/contestant/PROTOCOL.md says.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"stampede/runtimes/go/internal/protocol"
	"stampede/runtimes/go/internal/session"
)

func init() {
	dieWithParent()
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// serve answers requests until there are no more.
func serve() error {
	requests, messages, err := claimStreams()
	if err != nil {
		return err
	}
	lines, ended := readLines(requests)
	out := bufio.NewWriter(messages)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	var broken error
	say := func(message any) {
		broken = errors.Join(broken, encoder.Encode(message), out.Flush())
	}
	s := session.New(say)
	go exitAfter(ended)
	for line := range lines {
		if line.tooLong {
			say(protocol.Refused{Type: "refused", Reason: fmt.Sprintf(
				"a line is longer than %d bytes", protocol.MaxLineBytes)})
		} else {
			say(s.Answer(line.text))
		}
		if broken != nil {
			return broken
		}
	}
	return nil
}

// exitAfter ends the process a little after the requests have ended, whatever it is doing: a shell
// that pipes its requests in gets its answers first, and a harness that has gone needs none.
func exitAfter(ended <-chan struct{}) {
	const grace = time.Second
	<-ended
	time.Sleep(grace)
	os.Exit(0)
}

// line is a request, or one that is too long to be read.
type line struct {
	text    []byte
	tooLong bool
}

// readLines sends the lines of stream, and closes both channels at its end.
func readLines(stream io.Reader) (lines <-chan line, ended <-chan struct{}) {
	to, end := make(chan line), make(chan struct{})
	go func() {
		defer close(to)
		defer close(end)
		reader := bufio.NewReader(stream)
		for {
			next, err := readLine(reader)
			if len(next.text) > 0 || next.tooLong {
				to <- next
			}
			if err != nil {
				return
			}
		}
	}()
	return to, end
}

// readLine returns the next line without its end. Of one that is too long nothing is kept.
func readLine(reader *bufio.Reader) (next line, err error) {
	for {
		piece, err := reader.ReadSlice('\n')
		if len(next.text)+len(piece) > protocol.MaxLineBytes {
			next = line{tooLong: true}
		}
		if !next.tooLong {
			next.text = append(next.text, piece...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return next, err
		}
	}
}

// claimStreams keeps the standard streams for the protocol. Everybody else who writes to standard
// output writes to standard error instead, and who reads standard input finds it empty.
func claimStreams() (requests, messages *os.File, err error) {
	empty, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer empty.Close()
	if requests, err = claim(syscall.Stdin, empty); err != nil {
		return nil, nil, err
	}
	messages, err = claim(syscall.Stdout, os.Stderr)
	return requests, messages, err
}

// claim returns what fd stands for, and lets fd stand for instead.
func claim(fd int, instead *os.File) (*os.File, error) {
	claimed, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 3)
	if errno != 0 {
		return nil, os.NewSyscallError("fcntl", errno)
	}
	if err := syscall.Dup3(int(instead.Fd()), fd, 0); err != nil {
		return nil, os.NewSyscallError("dup3", err)
	}
	return os.NewFile(claimed, "protocol"), nil
}

// dieWithParent asks the kernel to end this process when its parent dies: a harness that is killed
// must not leave a measurement running beside the next one. Where that fails, the end of standard
// input does the same.
func dieWithParent() {
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
}
