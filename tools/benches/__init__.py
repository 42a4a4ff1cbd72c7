"""Benchmarks: each measures a ceiling and the program in the same run, and prints the ratio."""
