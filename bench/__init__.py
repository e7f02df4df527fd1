"""Benchmarks of the whole product; those of its parts are in benches/."""
