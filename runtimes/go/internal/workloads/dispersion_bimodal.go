package workloads

// dispersionBimodal: one request in 200 computes a thousand times as long as the others.
var dispersionBimodal = Workload{
	Name:   "dispersion_bimodal",
	Params: dispersionParams,
	Small:  dispersionSmall,
	Run:    sweep(bimodal),
}
