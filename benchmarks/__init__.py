"""What it costs. Every figure is a ratio against a baseline measured in the same run: ``python -m benchmarks NAME [--json]``."""

import sys
from pathlib import Path

# The example runner is no installed package.
sys.path.append(str(Path(__file__).parents[1] / "examples"))
