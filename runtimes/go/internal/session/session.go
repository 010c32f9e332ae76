// Package session has what the contestant answers. Whatever goes wrong becomes a reply.
package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"stampede/runtimes/go/internal/protocol"
	"stampede/runtimes/go/internal/sched"
	"stampede/runtimes/go/internal/workloads"
)

// Session is the contestant with what it has started.
type Session struct {
	// say takes the events before a reply.
	say     func(event any)
	started *started
}

// started is a runtime and the workload that it is to run.
type started struct {
	rt       *sched.Runtime
	workload *workloads.Workload
	params   workloads.Params
}

// New returns a session that gives its events to say.
func New(say func(event any)) *Session {
	return &Session{say: say}
}

// Answer returns the reply to a request, one line of JSON.
func (s *Session) Answer(line []byte) any {
	var request protocol.Request
	if err := json.Unmarshal(line, &request); err != nil {
		return refuse("not a request of this protocol: %v", err)
	}
	reply, err := s.answer(&request)
	if err != nil {
		return protocol.Refused{Type: "refused", Reason: err.Error()}
	}
	return reply
}

// answer returns the reply to request; an error is why it is refused.
func (s *Session) answer(request *protocol.Request) (any, error) {
	switch request.Type {
	case protocol.Describe:
		return s.describe(request)
	case protocol.Start:
		return s.start(request)
	case protocol.Run:
		return s.run(request)
	case protocol.GetFigures:
		return s.withStarted(figures)
	case protocol.GetCounts:
		return s.withStarted(counters)
	case protocol.Shutdown:
		return s.shutdown()
	case protocol.Behaviours:
		return s.behaviours(request)
	case protocol.Conform:
		return s.conform(request)
	}
	return nil, fmt.Errorf("unknown type of request `%s`, expected one of `describe`, `start`, "+
		"`run`, `figures`, `counters`, `shutdown`, `behaviours`, `conform`", request.Type)
}

func (s *Session) describe(request *protocol.Request) (any, error) {
	if request.Protocol == nil {
		return nil, missing("describe", "protocol")
	}
	if *request.Protocol != protocol.Version {
		return nil, fmt.Errorf("this contestant speaks version %d of the protocol, not %d",
			protocol.Version, *request.Protocol)
	}
	return describe(), nil
}

func (s *Session) start(request *protocol.Request) (any, error) {
	if s.started != nil {
		return nil, fmt.Errorf("a runtime is started already: shut it down first")
	}
	switch {
	case request.Runtime == nil:
		return nil, missing("start", "runtime")
	case request.Workload == nil:
		return nil, missing("start", "workload")
	case request.Workers == nil:
		return nil, missing("start", "workers")
	case request.Params == nil:
		return nil, missing("start", "params")
	}
	entry, err := find(*request.Runtime)
	if err != nil {
		return nil, err
	}
	workload := workloads.Find(*request.Workload)
	if workload == nil {
		return nil, fmt.Errorf("there is no workload called `%s`", *request.Workload)
	}
	params, err := readParams(workload, request.Params)
	if err != nil {
		return nil, err
	}
	workers := int(min(*request.Workers, sched.MaxWorkers+1))
	rt, err := sched.Start(entry.configure(workers))
	if err != nil {
		return nil, err
	}
	s.started = &started{rt, workload, params}
	return protocol.Started{Type: "started"}, nil
}

// readParams returns the numbers of a request, if they are those that the workload takes.
func readParams(
	workload *workloads.Workload, given map[string]json.RawMessage,
) (workloads.Params, error) {
	params := make(workloads.Params, len(given))
	for name, text := range given {
		value, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("parameter %s of workload %s is %s: it must be a whole number "+
				"below 2⁶⁴", name, workload.Name, shortened(text))
		}
		params[name] = value
	}
	return params, workload.Validate(params)
}

// shortened is as much of a text as is shown.
func shortened(text []byte) string {
	const most = 40
	if len(text) > most {
		return string(bytes.ToValidUTF8(text[:most], nil)) + "…"
	}
	return string(text)
}

func (s *Session) run(request *protocol.Request) (any, error) {
	// What is kept of each operation can then be counted in 64 bits.
	const mostIterations = 1 << 32
	if request.Iterations == nil {
		return nil, missing("run", "iterations")
	}
	iterations := *request.Iterations
	if iterations == 0 || iterations > mostIterations {
		return nil, fmt.Errorf("iterations is %d: it must lie in 1 to %d",
			iterations, mostIterations)
	}
	return s.withStarted(func(started *started) any {
		return run(started, iterations, request.Counted)
	})
}

// withStarted answers from what is started. After a failure that is left behind, not stopped: its
// goroutines may never end, and the reason would be lost. The harness ends the session then.
func (s *Session) withStarted(answer func(*started) any) (any, error) {
	if s.started == nil {
		return nil, fmt.Errorf("no runtime is started")
	}
	reply := recovered(func() any { return answer(s.started) })
	if _, failed := reply.(protocol.Failed); failed {
		s.started = nil
	}
	return reply, nil
}

// recovered answers with the failure that a panic of answer is.
func recovered(answer func() any) (reply any) {
	defer func() {
		if value := recover(); value != nil {
			reply = failed(sched.Panicked(value))
		}
	}()
	return answer()
}

func (s *Session) shutdown() (any, error) {
	if s.started == nil {
		return nil, fmt.Errorf("no runtime is started")
	}
	counters, brokenLaw := s.started.rt.Stop()
	s.started = nil
	reply := protocol.Stopped{Type: "stopped", Counters: counters}
	if brokenLaw != "" {
		reply.BrokenLaw = &brokenLaw
	}
	return reply, nil
}

func missing(request, member string) error {
	return fmt.Errorf("a request to %s needs the member `%s`", request, member)
}

func refuse(format string, arguments ...any) protocol.Refused {
	return protocol.Refused{Type: "refused", Reason: fmt.Sprintf(format, arguments...)}
}
