package workloads

// dispersionFixed: every request computes for the mean.
var dispersionFixed = Workload{
	Name:   "dispersion_fixed",
	Params: dispersionParams,
	Small:  dispersionSmall,
	Run:    sweep(fixed),
}
