"""The page: whose queries there are, what they cost, and how that is known, for any store. Server-rendered; state is in the address."""

from __future__ import annotations

from rvbbit_otel.page.app import make_page
from rvbbit_otel.page.asking import Store
from rvbbit_otel.page.options import PageOptions

__all__ = ["PageOptions", "Store", "make_page"]
