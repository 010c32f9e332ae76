package workloads

import (
	"fmt"
	"strings"
)

// Param is a parameter of a workload: its default, and the least and the greatest value.
type Param struct {
	Name              string
	Default, Min, Max uint64
}

// Params are the values of all parameters by name.
type Params map[string]uint64

// Defaults returns the defaults of the workload's parameters, with those in overrides set.
func (w *Workload) Defaults(overrides Params) Params {
	params := make(Params, len(w.Params))
	for _, param := range w.Params {
		params[param.Name] = param.Default
	}
	for name, value := range overrides {
		params[name] = value
	}
	return params
}

// Validate returns an error that names a parameter that is unknown, missing or out of its range.
func (w *Workload) Validate(params Params) error {
	names := make([]string, len(w.Params))
	for i, param := range w.Params {
		names[i] = param.Name
		value, given := params[param.Name]
		if !given {
			return fmt.Errorf("parameter %s of workload %s is missing", param.Name, w.Name)
		}
		if value < param.Min || value > param.Max {
			return fmt.Errorf("parameter %s of workload %s is %d: it must lie in %d to %d",
				param.Name, w.Name, value, param.Min, param.Max)
		}
	}
	for name := range params {
		if !w.has(name) {
			return fmt.Errorf("workload %s has no parameter `%s`; it has %s",
				w.Name, name, strings.Join(names, ", "))
		}
	}
	return nil
}

func (w *Workload) has(name string) bool {
	for _, param := range w.Params {
		if param.Name == name {
			return true
		}
	}
	return false
}

// int returns the value of name as a number of things that are kept in memory.
func (p Params) int(name string) int {
	return int(p[name])
}

// float returns the value of name for calculations.
func (p Params) float(name string) float64 {
	return float64(p[name])
}
