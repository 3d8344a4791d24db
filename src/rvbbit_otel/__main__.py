"""``python -m rvbbit_otel`` is ``rvbbit-otel``."""

from __future__ import annotations

from rvbbit_otel.cli import main

main()
