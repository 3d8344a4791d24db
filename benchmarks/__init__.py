"""What it costs. Every figure is a ratio against a baseline measured in the same run: ``python -m benchmarks NAME [--json]``."""
