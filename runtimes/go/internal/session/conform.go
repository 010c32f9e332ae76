package session

import (
	"fmt"
	"time"

	"stampede/runtimes/go/internal/conformance"
	"stampede/runtimes/go/internal/protocol"
)

func (s *Session) behaviours(request *protocol.Request) (any, error) {
	if request.Runtime == nil {
		return nil, missing("behaviours", "runtime")
	}
	if _, err := find(*request.Runtime); err != nil {
		return nil, err
	}
	return protocol.Names{Type: "behaviours", Names: conformance.Names()}, nil
}

// conform checks the behaviours named, all when none is. One that hangs is the last: it may hold up
// any other.
func (s *Session) conform(request *protocol.Request) (any, error) {
	if s.started != nil {
		return nil, fmt.Errorf("a runtime is started: shut it down first")
	}
	if request.Runtime == nil {
		return nil, missing("conform", "runtime")
	}
	if request.Behaviours == nil {
		return nil, missing("conform", "behaviours")
	}
	entry, err := find(*request.Runtime)
	if err != nil {
		return nil, err
	}
	behaviours, err := conformance.Select(*request.Behaviours)
	if err != nil {
		return nil, err
	}
	reply := protocol.Conformance{Type: "conformance"}
	for _, behaviour := range behaviours {
		s.say(protocol.Checking{Type: "checking", Name: behaviour.Name})
		start := time.Now()
		broken := behaviour.Check(entry.configure)
		checked := protocol.Checked{
			Type:      "checked",
			Name:      behaviour.Name,
			Passed:    broken == nil,
			ElapsedNS: uint64(time.Since(start)),
		}
		if broken == nil {
			reply.Passed++
		} else {
			reply.Failed++
			checked.Reason = &broken.Reason
		}
		s.say(checked)
		if broken != nil && broken.Hung {
			return failed(fmt.Errorf("%s hung: nothing else can be checked in this process",
				behaviour.Name)), nil
		}
	}
	return reply, nil
}
