"""Benchmarks: AnselAI, its peers and the limits, measured side by side. `make bench` runs them."""
