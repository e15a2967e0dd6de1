"""Drawings of pages: a number of an attribute is written alike in every language."""

import re
from html.parser import HTMLParser
from typing import Any

DECIMAL_COMMA = re.compile(r"\d,\d")


class _Drawings(HTMLParser):
    """Collects the attributes of what stands inside ``svg``, icons left out."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.depth and tag != "use":
            self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.depth += tag == "svg"

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "svg"


def commas_in_finnish(client: Any, address: str) -> list[tuple[str, str, str]]:
    """Attributes (tag, name, value) in the page's drawings that a Finn's browser cannot read.

    The page must have a drawing. The person reads Finnish from here on.
    """
    client.post("/language/", {"language": "fi", "next": "/"})
    text = client.get(address).content.decode()
    assert '<html lang="fi"' in text
    found = _Drawings()
    found.feed(text)
    assert any(re.search(r"\d", value) for _tag, _name, value in found.attributes)
    return [row for row in found.attributes if DECIMAL_COMMA.search(row[2])]
