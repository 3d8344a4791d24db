"""Templates, and what they may call. All that stands in them is escaped; nothing of a span is ever markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from rvbbit_otel import __version__
from rvbbit_otel.errors import RvbbitOtelError
from rvbbit_otel.page import charts, figures
from rvbbit_otel.page.address import RANGES, ROOT, Address
from rvbbit_otel.page.asking import Answer
from rvbbit_otel.page.options import PageOptions
from rvbbit_otel.page.views.view import View

# Name, words, and the key that goes there after `g`.
TABS: Final = (
    ("callers", "Callers", "c"),
    ("trust", "Trust", "t"),
    ("rows", "Rows", "r"),
    ("cost", "Cost", "m"),
    ("sql", "SQL", "s"),
    ("health", "Health", "h"),
)
_TAB_OF: Final = {"caller": "callers", "session": "rows", "row": "rows", "rule": "trust"}


class Rendering:
    """Makes HTML of views."""

    def __init__(self, options: PageOptions) -> None:
        """Read the templates of this package."""
        self._environment = Environment(
            loader=PackageLoader("rvbbit_otel.page", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(
            {
                name: getattr(figures, name)
                for name in (
                    "count",
                    "exact",
                    "dollars",
                    "exact_dollars",
                    "lasting",
                    "ago",
                    "utc",
                    "clock",
                    "percent",
                    "size",
                    "text",
                    "line",
                )
            }
        )
        self._environment.globals.update(
            root=ROOT,
            tabs=TABS,
            ranges=RANGES,
            version=__version__,
            options=options,
            segments=charts.segments,
            share=charts.share,
        )

    def view(self, view: View, address: Address, answers: Sequence[Answer], shown: dict[str, Any]) -> str:
        """One view."""
        return self._render(view.template, view, address, answers=answers, **shown)

    def error(self, view: View, address: Address, error: RvbbitOtelError, status: int) -> str:
        """A view that could not be made: what is wrong, where, and what to do."""
        return self._render("error.html", view, address, answers=(), error=str(error), status=status)

    def missing(self) -> str:
        """An address that is none of ours."""
        return self._environment.get_template("missing.html").render()

    def _render(self, template: str, view: View, address: Address, **shown: Any) -> str:
        return self._environment.get_template(template).render(
            view=view, tab=_TAB_OF.get(view.name, view.name), at=address, window=address.window, **shown
        )
