module stampede/runtimes/go

go 1.22
