"""The options of the page besides its store."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from rvbbit_otel.errors import ConfigurationError


@dataclass(frozen=True)
class PageOptions:
    """`jaeger` and `grafana`: where they are, for links, without a slash at the end; empty for no links. `store`: how the page names its store."""

    store: str = "the embedded store"
    jaeger: str = ""
    grafana: str = ""

    def __post_init__(self) -> None:
        """Raise ConfigurationError for an address that a browser would not open as one."""
        for name in ("jaeger", "grafana"):
            value = getattr(self, name)
            if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
                raise ConfigurationError(f"--{name} is {value!r}; it is a URL such as http://127.0.0.1:16686")
            object.__setattr__(self, name, value.rstrip("/"))

    def trace_in_jaeger(self, trace_id: str) -> str:
        """The address of a trace there, empty where no Jaeger is configured."""
        return f"{self.jaeger}/trace/{quote(trace_id, safe='')}" if self.jaeger else ""

    def caller_in_grafana(self, caller_id: str) -> str:
        """The address of a caller's dashboard there, empty where no Grafana is configured."""
        return f"{self.grafana}/d/rvbbit-caller?var-caller={quote(caller_id, safe='')}" if self.grafana else ""
