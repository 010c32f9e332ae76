package workloads

import "stampede/runtimes/go/internal/sched"

// dispersionParams are those of the three workloads that differ in the shape of service times.
var dispersionParams = []Param{
	{Name: "load_percent", Default: 70, Min: 1, Max: 99},
	{Name: "service_us", Default: 100, Min: 1, Max: 100_000},
	{Name: "requests", Default: 4_000, Min: 200, Max: 10_000_000},
	{Name: "seed", Default: 1, Min: 0, Max: 1<<64 - 1},
	{Name: "max_drift_percent", Default: 5, Min: 1, Max: 100},
}

var dispersionSmall = Params{
	"requests": 300, "service_us": 20, "load_percent": 20, "max_drift_percent": 100,
}

// sweep returns the run of the workload with service times of that shape: requests by Poisson
// arrivals, each a goroutine that computes. The distribution `short` is that of the requests that
// take the mean or less.
func sweep(of shape) func(*sched.Runtime, Params, uint64) (Sample, error) {
	return func(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
		serviceNS := params.float("service_us") * 1e3
		seen, driftPercent, err := openLoop(rt, load{
			serviceNS:       serviceNS,
			percent:         params.float("load_percent"),
			shape:           of,
			requests:        params["requests"] * iterations,
			seed:            params["seed"],
			maxDriftPercent: params.float("max_drift_percent"),
		})
		if err != nil {
			return Sample{}, err
		}
		sample, err := seen.evaluate()
		if err != nil {
			return Sample{}, err
		}
		sample.Histograms["short"] = seen.latencyOfShort(serviceNS)
		sample.Figures["spin_drift_percent"] = driftPercent
		return sample, nil
	}
}
