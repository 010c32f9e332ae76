// Package protocol has the messages of benches/contestant/PROTOCOL.md.
package protocol

import "encoding/json"

// Version is the one that this contestant speaks.
const Version = 1

// MaxLineBytes is the length of the longest line that either side accepts.
const MaxLineBytes = 64 << 20

// Request is what the harness asks for. Which members a request has depends on its type; those that
// are missing are nil.
type Request struct {
	Type       string                     `json:"type"`
	Protocol   *uint64                    `json:"protocol"`
	Runtime    *string                    `json:"runtime"`
	Workload   *string                    `json:"workload"`
	Workers    *uint64                    `json:"workers"`
	Params     map[string]json.RawMessage `json:"params"`
	Iterations *uint64                    `json:"iterations"`
	Counted    bool                       `json:"counted"`
	Behaviours *[]string                  `json:"behaviours"`
}

// The types of requests.
const (
	Describe   = "describe"
	Start      = "start"
	Run        = "run"
	GetFigures = "figures"
	GetCounts  = "counters"
	Shutdown   = "shutdown"
	Behaviours = "behaviours"
	Conform    = "conform"
)

// Description answers describe.
type Description struct {
	Type      string    `json:"type"`
	Protocol  int       `json:"protocol"`
	Runtimes  []Runtime `json:"runtimes"`
	Workloads []string  `json:"workloads"`
	Build     Build     `json:"build"`
}

// Runtime describes one runtime.
type Runtime struct {
	Name       string   `json:"name"`
	Summary    string   `json:"summary"`
	Isolates   string   `json:"isolates"`
	Relatives  []string `json:"relatives"`
	Package    *string  `json:"package"`
	MaxWorkers *int     `json:"max_workers"`
	Stacks     bool     `json:"stacks"`
	// Own is what it does not share with the runtimes that it is compared with.
	Own           []string          `json:"own,omitempty"`
	Configuration map[string]string `json:"configuration"`
}

// Build says how the program was built.
type Build struct {
	Compiler  string `json:"compiler"`
	Optimised bool   `json:"optimised"`
}

// Started answers start.
type Started struct {
	Type string `json:"type"`
}

// Sample answers run.
type Sample struct {
	Type              string                 `json:"type"`
	ElapsedNS         uint64                 `json:"elapsed_ns"`
	Operations        uint64                 `json:"operations"`
	BytesPerOperation *float64               `json:"bytes_per_operation,omitempty"`
	Histograms        map[string][][2]uint64 `json:"histograms,omitempty"`
	Figures           map[string]float64     `json:"figures,omitempty"`
	Counted           *Counted               `json:"counted,omitempty"`
}

// Counted is what was counted during a run.
type Counted struct {
	Counters  map[string]uint64   `json:"counters"`
	PerWorker map[string][]uint64 `json:"per_worker"`
	Process   map[string]uint64   `json:"process"`
}

// Figures answers figures.
type Figures struct {
	Type    string             `json:"type"`
	Figures map[string]float64 `json:"figures"`
}

// Counters answers counters.
type Counters struct {
	Type      string              `json:"type"`
	Counters  map[string]uint64   `json:"counters"`
	PerWorker map[string][]uint64 `json:"per_worker"`
}

// Stopped answers shutdown.
type Stopped struct {
	Type      string            `json:"type"`
	Counters  map[string]uint64 `json:"counters"`
	BrokenLaw *string           `json:"broken_law"`
}

// Names answers behaviours.
type Names struct {
	Type  string   `json:"type"`
	Names []string `json:"names"`
}

// Checking is the event before a behaviour is checked.
type Checking struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

// Checked is the event after it.
type Checked struct {
	Type      string  `json:"type"`
	Name      string  `json:"name"`
	Passed    bool    `json:"passed"`
	Reason    *string `json:"reason"`
	ElapsedNS uint64  `json:"elapsed_ns"`
}

// Conformance answers conform.
type Conformance struct {
	Type   string `json:"type"`
	Passed int    `json:"passed"`
	Failed int    `json:"failed"`
}

// The kinds of failures.
const (
	KindFailed     = "failed"
	KindVoid       = "void"
	KindNotOffered = "not_offered"
)

// Failed answers a request that was understood and went wrong.
type Failed struct {
	Type   string `json:"type"`
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// Refused answers a request that makes no sense.
type Refused struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}
