package workloads

// dispersionExponential: service times are exponential, as in the M/M/1 queue.
var dispersionExponential = Workload{
	Name:   "dispersion_exponential",
	Params: dispersionParams,
	Small:  dispersionSmall,
	Run:    sweep(exponential),
}
