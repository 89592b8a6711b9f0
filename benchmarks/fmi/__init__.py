"""FMI beside its peers over loopback TCP: `make bench-fmi`, or `python -m benchmarks.fmi --help`."""
