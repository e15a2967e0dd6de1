"""Choosing from a tree: check boxes below folding heads; works without JavaScript."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _


@dataclass
class Node:
    """One choice with those below it."""

    value: str
    label: str
    children: list["Node"] = field(default_factory=list)


class TreeSelect(forms.CheckboxSelectMultiple):
    """``nodes`` are set by the form; a branch is open when something below it is ticked."""

    nodes: Sequence[Node] = ()

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        ticked = {str(v) for v in value or ()}
        root = (attrs or {}).get("id", f"id_{name}")
        return format_html(
            '<div class="tree" id="{}">{}</div>', root, self._rows(name, self.nodes, ticked, root)
        )

    def _rows(self, name: str, nodes: Iterable[Node], ticked: set[str], root: str) -> SafeString:
        return format_html_join(
            "", "{}", ((self._node(name, node, ticked, root),) for node in nodes)
        )

    def _node(self, name: str, node: Node, ticked: set[str], root: str) -> SafeString:
        box = format_html(
            '<label class="choice"><input type="checkbox" name="{}" value="{}"{}><span>{}</span>'
            "</label>",
            name, node.value, SafeString(" checked" if node.value in ticked else ""), node.label,
        )  # fmt: skip
        if not node.children:
            return box
        is_open = any(child.value in ticked for child in node.children)
        return format_html(
            '<div class="branch">{}<details{}><summary><span class="sr">{}</span></summary>'
            '<div class="twigs">{}</div></details></div>',
            box, SafeString(" open" if is_open else ""),
            _("Parts of %(name)s") % {"name": node.label},
            self._rows(name, node.children, ticked, root),
        )  # fmt: skip


def flat(nodes: Iterable[Node]) -> list[tuple[str, str]]:
    """All values with their labels, as a field's choices."""
    return [pair for node in nodes for pair in [(node.value, node.label), *flat(node.children)]]
