"""The ways in which a client can make the published RVBBIT run cascades, each with a marker that says whose a row is.

The marker of client 3's second row in mode `map` is ``#map-03-01``: it is in the SQL text, which the runner keeps with the caller, and in the name of
the product, which the runner keeps with the session.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

BRANDS: Final = ("Apple iPhone", "Samsung Galaxy", "Sony Headphones", "Bose Speaker", "Canon Camera")
MARKER: Final = re.compile(r"#([a-z_]+-\d\d)(?:-\d\d)?")
# (statement, bound parameters)
Statement = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Mode:
    """How clients ask: how many at once, how many rows each, by which protocol, and how many sessions that makes for one client."""

    name: str
    clients: int
    rows: int
    sessions: int
    statements: Callable[[Mode, int], list[Statement]]
    extended: bool = False

    def products(self, client: int) -> list[str]:
        """The products of one client."""
        return [f"{BRANDS[row % len(BRANDS)]} #{self.name}-{client:02}-{row:02}" for row in range(self.rows)]


def _values(products: list[str]) -> str:
    return "SELECT * FROM (VALUES " + ", ".join(f"('{product}')" for product in products) + ") AS t(product_name)"


def _map(cascade: str, how: str = "") -> Callable[[Mode, int], list[Statement]]:
    def statements(mode: Mode, client: int) -> list[Statement]:
        using = _values(mode.products(client))
        return [(f"LARS MAP {how}'traits/{cascade}.yaml' AS brand USING ({using})", ())]

    return statements


def _two_statements(mode: Mode, client: int) -> list[Statement]:
    return [
        (f"LARS MAP 'traits/extract_brand.yaml' AS brand USING ({_values([product])})", ())
        for product in mode.products(client)
    ]


def _bound(mode: Mode, client: int) -> list[Statement]:
    products = mode.products(client)
    rows = ", ".join("(%s)" for _ in products)
    using = f"SELECT * FROM (VALUES {rows}) AS t(product_name)"
    return [
        (
            f"/* #{mode.name}-{client:02} */ LARS MAP 'traits/extract_brand.yaml' AS brand USING ({using})",
            tuple(products),
        )
    ]


def _means(mode: Mode, client: int) -> list[Statement]:
    return [
        (
            f"SELECT product_name FROM ({_values(mode.products(client))}) WHERE product_name MEANS 'is a product: true'",
            (),
        )
    ]


def _pipeline(mode: Mode, client: int) -> list[Statement]:
    return [(f"{_values(mode.products(client))} THEN ANALYZE 'which brands? #{mode.name}-{client:02}'", ())]


MODES: Final = (
    Mode("map", 8, 3, 3, _map("extract_brand")),
    Mode("many", 20, 3, 3, _map("tool_brand")),
    Mode("multi", 4, 2, 2, _two_statements),
    # The runner runs every row of a parallel MAP twice.
    Mode("parallel", 8, 2, 4, _map("extract_brand", "PARALLEL 4 ")),
    Mode("distinct", 4, 2, 2, _map("extract_brand", "DISTINCT ")),
    Mode("extended", 8, 2, 2, _bound, extended=True),
    Mode("means", 8, 3, 3, _means),
    Mode("subcascades", 4, 1, 3, _map("parent")),
    Mode("celltakes", 4, 1, 1, _map("cell_takes")),
    Mode("cascadetakes", 4, 1, 3, _map("cascade_takes")),
    Mode("independent", 4, 1, 1, _map("independent")),
    Mode("pipeline", 4, 2, 1, _pipeline),
)
