package session

import (
	"encoding/json"
	"strings"
	"testing"

	"stampede/runtimes/go/internal/protocol"
	"stampede/runtimes/go/internal/workloads"
)

// message is any reply, with the members that tests look at.
type message struct {
	Type       string                 `json:"type"`
	Kind       string                 `json:"kind"`
	Reason     string                 `json:"reason"`
	Operations uint64                 `json:"operations"`
	ElapsedNS  uint64                 `json:"elapsed_ns"`
	Figures    map[string]float64     `json:"figures"`
	Histograms map[string][][2]uint64 `json:"histograms"`
	Counters   map[string]uint64      `json:"counters"`
	Counted    *protocol.Counted      `json:"counted"`
	BrokenLaw  *string                `json:"broken_law"`
	Names      []string               `json:"names"`
	Passed     int                    `json:"passed"`
	Workloads  []string               `json:"workloads"`
	Runtimes   []protocol.Runtime     `json:"runtimes"`
}

func ask(t *testing.T, s *Session, request string) message {
	t.Helper()
	text, err := json.Marshal(s.Answer([]byte(request)))
	if err != nil {
		t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func newSession(t *testing.T) *Session {
	return New(func(any) {})
}

const startRing = `{"type":"start","runtime":"go","workload":"ring","workers":1,` +
	`"params":{"tasks":20,"laps":20}}`

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	start := func(members string) string { return `{"type":"start",` + members + `}` }
	tests := []struct{ request, reason string }{
		{``, "not a request of this protocol"},
		{`[]`, "not a request of this protocol"},
		{`{"type":"describe"`, "not a request of this protocol"},
		{`{"type":7}`, "not a request of this protocol"},
		{`{}`, "unknown type of request ``"},
		{`{"type":"dance"}`, "unknown type of request `dance`"},
		{`{"type":"describe"}`, "`protocol`"},
		{`{"type":"describe","protocol":2}`, "speaks version 1 of the protocol, not 2"},
		{`{"type":"run","iterations":1}`, "no runtime is started"},
		{`{"type":"run"}`, "`iterations`"},
		{`{"type":"run","iterations":0}`, "iterations is 0"},
		{`{"type":"run","iterations":18446744073709551615}`, "iterations is 18446744073709551615"},
		{`{"type":"run","iterations":-1}`, "not a request of this protocol"},
		{`{"type":"figures"}`, "no runtime is started"},
		{`{"type":"counters"}`, "no runtime is started"},
		{`{"type":"shutdown"}`, "no runtime is started"},
		{`{"type":"behaviours"}`, "`runtime`"},
		{`{"type":"behaviours","runtime":"rust"}`, "no runtime called `rust` here; there is go"},
		{`{"type":"conform","runtime":"go"}`, "`behaviours`"},
		{`{"type":"conform","runtime":"rust","behaviours":[]}`, "no runtime called `rust`"},
		{`{"type":"conform","runtime":"go","behaviours":["a::b"]}`, "behaviour called `a::b`"},
		{start(`"workload":"ring","workers":1,"params":{}`), "`runtime`"},
		{start(`"runtime":"go","workers":1,"params":{}`), "`workload`"},
		{start(`"runtime":"go","workload":"ring","params":{}`), "`workers`"},
		{start(`"runtime":"go","workload":"ring","workers":1`), "`params`"},
		{start(`"runtime":"x","workload":"ring","workers":1,"params":{}`), "runtime called `x`"},
		{start(`"runtime":"go","workload":"x","workers":1,"params":{}`), "workload called `x`"},
		{
			start(`"runtime":"go","workload":"ring","workers":1,"params":{"tasks":9}`),
			"parameter laps of workload ring is missing",
		},
		{
			start(`"runtime":"go","workload":"ring","workers":1,"params":{"tasks":1,"laps":1}`),
			"parameter tasks of workload ring is 1: it must lie in 2 to 100000",
		},
		{
			start(`"runtime":"go","workload":"ring","workers":1,"params":{"tasks":-5,"laps":1}`),
			"parameter tasks of workload ring is -5",
		},
		{
			start(`"runtime":"go","workload":"ring","workers":1,"params":{"tasks":"2","laps":1}`),
			"parameter tasks of workload ring is \"2\"",
		},
		{
			start(`"runtime":"go","workload":"ring","workers":1,"params":{"tasks":1e99,"laps":1}`),
			"parameter tasks of workload ring is 1e99",
		},
		{
			start(`"runtime":"go","workload":"ring","workers":0,"params":{"tasks":9,"laps":1}`),
			"workers is 0",
		},
		{
			start(`"runtime":"go","workload":"ring","workers":99999999999,` +
				`"params":{"tasks":9,"laps":1}`),
			"workers is 1025: it must lie in 1 to 1024",
		},
	}
	s := newSession(t)
	for _, test := range tests {
		reply := ask(t, s, test.request)
		if reply.Type != "refused" || !strings.Contains(reply.Reason, test.reason) {
			t.Errorf("%s: %s, %s", test.request, reply.Type, reply.Reason)
		}
	}
	if s.started != nil {
		t.Error("a refused request has started something")
	}
}

func TestTheWrongMomentIsRefused(t *testing.T) {
	s := newSession(t)
	if reply := ask(t, s, startRing); reply.Type != "started" {
		t.Fatalf("%+v", reply)
	}
	for _, request := range []string{
		startRing, `{"type":"conform","runtime":"go","behaviours":[]}`,
	} {
		if reply := ask(t, s, request); reply.Type != "refused" {
			t.Errorf("%s: %+v", request, reply)
		}
	}
	if reply := ask(t, s, `{"type":"shutdown"}`); reply.Type != "stopped" {
		t.Errorf("%+v", reply)
	}
	if reply := ask(t, s, `{"type":"shutdown"}`); reply.Type != "refused" {
		t.Errorf("%+v", reply)
	}
}

func TestASessionGoesFromStartToStop(t *testing.T) {
	s := newSession(t)
	for _, runtime := range []string{"go", "go-gcoff"} {
		start := strings.Replace(startRing, `"go"`, `"`+runtime+`"`, 1)
		if reply := ask(t, s, start); reply.Type != "started" {
			t.Fatalf("%+v", reply)
		}
		one := ask(t, s, `{"type":"run","iterations":1,"colour":"red"}`)
		if one.Type != "sample" || one.Operations != 400 || one.Counted != nil {
			t.Errorf("%+v", one)
		}
		two := ask(t, s, `{"type":"run","iterations":2,"counted":true}`)
		if two.Operations != 800 || two.Counted == nil || two.Counted.PerWorker == nil {
			t.Fatalf("%+v", two)
		}
		if two.Counted.Process["wall_ns"] < two.ElapsedNS {
			t.Errorf("%d ns of %v", two.ElapsedNS, two.Counted.Process)
		}
		// A body and 19 others in each of the runs.
		if spawned, counted := two.Counted.Counters["spawned"]; counted && spawned != 20 {
			t.Errorf("%d goroutines were spawned", spawned)
		}
		if reply := ask(t, s, `{"type":"figures"}`); reply.Type != "figures" {
			t.Errorf("%+v", reply)
		}
		if reply := ask(t, s, `{"type":"counters"}`); len(reply.Counters) == 0 {
			t.Errorf("%+v", reply)
		}
		stopped := ask(t, s, `{"type":"shutdown"}`)
		if stopped.Type != "stopped" || stopped.BrokenLaw != nil {
			t.Errorf("%+v", stopped)
		}
		if stopped.Counters["spawned"] != stopped.Counters["completed"] {
			t.Errorf("%v", stopped.Counters)
		}
	}
}

func TestAPanicOfAWorkloadIsAFailure(t *testing.T) {
	s := newSession(t)
	ask(t, s, startRing)
	rt := s.started.rt
	s.started.workload = &workloads.Workload{} // Without a function to run.
	reply := ask(t, s, `{"type":"run","iterations":1}`)
	if reply.Type != "failed" || reply.Kind != "failed" || s.started != nil {
		t.Errorf("%+v", reply)
	}
	rt.Stop()
}

func TestTheDescriptionIsComplete(t *testing.T) {
	reply := ask(t, newSession(t), `{"type":"describe","protocol":1}`)
	if reply.Type != "description" || len(reply.Workloads) != 21 || len(reply.Runtimes) != 2 {
		t.Fatalf("%+v", reply)
	}
	if first := reply.Runtimes[0]; first.Name != "go" || len(first.Configuration) != 0 {
		t.Errorf("the main runtime is %+v", first)
	}
	if second := reply.Runtimes[1]; second.Configuration["gogc"] != "off" {
		t.Errorf("the second runtime is %+v", second)
	}
}

func TestBehavioursAreCheckedWithEvents(t *testing.T) {
	var events []any
	s := New(func(event any) { events = append(events, event) })
	names := ask(t, s, `{"type":"behaviours","runtime":"go"}`).Names
	if len(names) == 0 {
		t.Fatal("there are none")
	}
	reply := ask(t, s, `{"type":"conform","runtime":"go-gcoff","behaviours":["`+names[0]+`"]}`)
	if reply.Type != "conformance" || reply.Passed != 1 {
		t.Errorf("%+v", reply)
	}
	if len(events) != 2 {
		t.Fatalf("%v", events)
	}
	if checking, ok := events[0].(protocol.Checking); !ok || checking.Name != names[0] {
		t.Errorf("%+v", events[0])
	}
	if checked, ok := events[1].(protocol.Checked); !ok || !checked.Passed {
		t.Errorf("%+v", events[1])
	}
}
