"""The ways in which a client can make the published RVBBIT run cascades, each with a marker that says whose a row is.

The marker of client 3's second row in mode `map` is ``#map-03-01``: it is in the SQL text, which the runner keeps with the caller, and in the name of
the product, which the runner keeps with the session.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

# The sizes of the acceptance table, which take three quarters of an hour; else a bounded form of the same.
FULL: Final = os.environ.get("RUNNERS_SIZE") == "full"
BRANDS: Final = ("Apple iPhone", "Samsung Galaxy", "Sony Headphones", "Bose Speaker", "Canon Camera")
MARKER: Final = re.compile(r"#([a-z_]+-\d\d)(?:-\d\d)?")
# (statement, bound parameters)
Statement = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Mode:
    """How clients ask: how many at once, how many rows each, by which protocol, and how many sessions that makes for one client.

    few, many: clients in the bounded run, and in the full one.
    """

    name: str
    few: int
    many: int
    rows: int
    sessions: int
    statements: Callable[[Mode, int], list[Statement]]
    protocol: Literal["psql", "psycopg", "http", "cli", "console", "studio"] = "psql"

    @property
    def clients(self) -> int:
        """How many ask at once."""
        return self.many if FULL else self.few

    @property
    def expected(self) -> int:
        """The sessions that all its clients cause."""
        return self.clients * self.sessions

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
    using = f"SELECT /* #{mode.name}-{client:02} */ * FROM (VALUES {rows}) AS t(product_name)"
    return [(f"LARS MAP 'traits/extract_brand.yaml' AS brand USING ({using})", tuple(products))]


def _means(mode: Mode, client: int) -> list[Statement]:
    return [
        (
            f"SELECT product_name FROM ({_values(mode.products(client))}) WHERE product_name MEANS 'is a product: true'",
            (),
        )
    ]


def _about(mode: Mode, client: int) -> list[Statement]:
    return [(f"SELECT product_name, product_name ABOUT 'brand' AS score FROM ({_values(mode.products(client))})", ())]


def _aggregate(mode: Mode, client: int) -> list[Statement]:
    return [(f"SELECT SUMMARIZE(product_name) AS said FROM ({_values(mode.products(client))})", ())]


def _pipeline(mode: Mode, client: int) -> list[Statement]:
    return [(f"{_values(mode.products(client))} THEN ANALYZE 'which brands? #{mode.name}-{client:02}'", ())]


def _command(mode: Mode, client: int) -> list[Statement]:
    return [("traits/extract_brand.yaml", (product,)) for product in mode.products(client)]


def _studio(mode: Mode, client: int) -> list[Statement]:
    """Bound: the product, the caller that the client names or none, whether it waits for the answer.

    A run that is not waited for is on a bare thread of the studio. Each client lets one run be the studio's to name, every other client waits for it.
    """
    named, unnamed = mode.products(client)
    own = f"atom-{mode.name}-{client:02}"
    return [
        ("traits/parent.yaml", (named, own, "")),
        ("traits/parent.yaml", (unnamed, "", "wait" if client % 2 else "")),
    ]


# Asked before all others by one client: several that are the first at once find tools of the runner not registered yet.
WARM_UP: Final = Mode("warmup", 1, 1, 1, 1, _map("tool_brand"))
# The SQL page of the studio, and its own runs: each starts two more cascades on a pool.
CONSOLE: Final = Mode("console", 2, 4, 2, 2, _map("extract_brand"), "console")
STUDIO: Final = Mode("studio", 2, 4, 2, 6, _studio, "studio")
MODES: Final = (
    Mode("map", 3, 8, 3, 3, _map("extract_brand")),
    Mode("many", 2, 20, 3, 3, _map("tool_brand")),
    Mode("multi", 2, 4, 2, 2, _two_statements),
    # The runner runs every row of a parallel MAP twice.
    Mode("parallel", 2, 8, 2, 4, _map("extract_brand", "PARALLEL 4 ")),
    Mode("distinct", 2, 4, 2, 2, _map("extract_brand", "DISTINCT ")),
    Mode("extended", 2, 8, 2, 2, _bound, "psycopg"),
    Mode("means", 2, 8, 3, 3, _means),
    Mode("about", 2, 4, 2, 2, _about),
    Mode("aggregate", 2, 4, 2, 1, _aggregate),
    Mode("subcascades", 2, 4, 1, 3, _map("parent")),
    Mode("celltakes", 2, 4, 1, 1, _map("cell_takes")),
    Mode("cascadetakes", 2, 4, 1, 3, _map("cascade_takes")),
    Mode("independent", 2, 4, 1, 1, _map("independent")),
    Mode("failing", 1, 2, 1, 1, _map("failing")),
    Mode("pipeline", 2, 4, 2, 1, _pipeline),
    Mode("http", 2, 4, 3, 3, _map("extract_brand"), "http"),
    Mode("cli", 1, 4, 1, 1, _command, "cli"),
    # The bounded run leaves these to `make test-runners-more`, which starts nothing else.
    *((CONSOLE, STUDIO) if FULL else ()),
)
EVERY: Final = tuple(dict.fromkeys((*MODES, CONSOLE, STUDIO)))
