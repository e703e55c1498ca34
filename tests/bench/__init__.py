"""Benchmarks: ratios between things measured in one run, never absolute claims."""
