"""What a browser would make of HTML, as far as it matters here: its elements, their attributes, and the text that people read."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

# What templates of the page are made of. Anything else came out of somebody's text.
# fmt: off
TAGS = frozenset({
    "a", "aside", "b", "bdi", "body", "button", "code", "datalist", "dd", "details", "dialog", "div", "dl", "dt", "footer", "form", "h1", "h2", "h3",
    "head", "header", "html", "input", "kbd", "label", "li", "line", "link", "main", "meta", "nav", "option", "p", "path", "pre", "rect", "script",
    "section", "select", "small", "span", "summary", "svg", "table", "tbody", "td", "textarea", "tfoot", "th", "thead", "time", "title", "tr", "ul",
})
# fmt: on


@dataclass
class Read(HTMLParser):
    """A document, read. `texts` has one text an element that has any; `links` each href and action."""

    html: str
    tags: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    titles: int = 0

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.titles += tag == "title"
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "action", "src"):
                self.links.add(value or "")
            self.values.append(value or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def strange(self) -> list[str]:
        """Elements, attributes and addresses that no template has."""
        return sorted(
            [
                *(self.tags - TAGS),
                *(name for name in self.attributes if name.startswith("on") or name in ("style", "srcdoc")),
            ]
            + [link for link in self.links if not link.startswith(("/page/", "#", "http://127.0.0.1"))]
        )
