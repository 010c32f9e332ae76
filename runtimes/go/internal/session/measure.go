package session

import (
	"errors"
	"fmt"
	"math"

	"stampede/runtimes/go/internal/account"
	"stampede/runtimes/go/internal/protocol"
	"stampede/runtimes/go/internal/workloads"
)

// run does the work of the workload and answers.
func run(s *started, iterations uint64, counted bool) any {
	if !counted {
		sample, err := s.workload.Run(s.rt, s.params, iterations)
		return reply(sample, nil, err)
	}
	countersBefore := s.rt.Counters()
	before, err := account.Read()
	if err != nil {
		return failed(fmt.Errorf("the process's account cannot be read: %w", err))
	}
	sample, runErr := s.workload.Run(s.rt, s.params, iterations)
	after, err := account.Read()
	if err != nil {
		return failed(fmt.Errorf("the process's account cannot be read: %w", err))
	}
	return reply(sample, &protocol.Counted{
		Counters:  s.rt.Counters().Since(countersBefore),
		PerWorker: map[string][]uint64{},
		Process:   after.Since(before),
	}, runErr)
}

// reply is the sample as the protocol has it, or why there is none.
func reply(sample workloads.Sample, counted *protocol.Counted, err error) any {
	if err == nil {
		err = finite(sample.Figures)
	}
	if err != nil {
		return failed(err)
	}
	histograms := make(map[string][][2]uint64, len(sample.Histograms))
	for name, histogram := range sample.Histograms {
		histograms[name] = histogram
	}
	return protocol.Sample{
		Type:              "sample",
		ElapsedNS:         uint64(sample.Elapsed),
		Operations:        sample.Operations,
		BytesPerOperation: sample.BytesPerOperation,
		Histograms:        histograms,
		Figures:           sample.Figures,
		Counted:           counted,
	}
}

// figures answers with what the workload measures once beside its samples.
func figures(s *started) any {
	measured := map[string]float64{}
	if s.workload.Figures != nil {
		var err error
		if measured, err = s.workload.Figures(s.rt, s.params); err != nil {
			return failed(err)
		}
	}
	if err := finite(measured); err != nil {
		return failed(err)
	}
	return protocol.Figures{Type: "figures", Figures: measured}
}

// counters answers with what they read.
func counters(s *started) any {
	return protocol.Counters{
		Type:      "counters",
		Counters:  s.rt.Counters(),
		PerWorker: map[string][]uint64{},
	}
}

// finite refuses what no number of JSON stands for.
func finite(figures map[string]float64) error {
	for name, value := range figures {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return fmt.Errorf("the figure `%s` is %v, which no number stands for", name, value)
		}
	}
	return nil
}

// failed answers a request that a workload could not fulfil.
func failed(err error) protocol.Failed {
	reply := protocol.Failed{Type: "failed", Kind: protocol.KindFailed, Reason: err.Error()}
	var void *workloads.Void
	switch {
	case errors.As(err, &void):
		reply.Kind = protocol.KindVoid
	case errors.Is(err, workloads.ErrNotOffered):
		reply.Kind = protocol.KindNotOffered
	}
	return reply
}
