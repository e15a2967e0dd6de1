"""Choosing from a tree: check boxes below folding heads; works without JavaScript."""

import hashlib
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils.html import escape
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
    mark = ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        ticked = {str(v) for v in value or ()}
        root = escape((attrs or {}).get("id", f"id_{name}"))
        rows = self._rows(escape(name), self.nodes, ticked, escape(_("Parts of %(name)s")))
        # Hundreds of boxes a page: put together by hand, each value and label escaped on its own.
        return SafeString(f'<div class="tree" id="{root}">{rows}</div>')

    def _rows(self, name: str, nodes: Iterable[Node], ticked: set[str], parts: str) -> str:
        return "".join(self._node(name, node, ticked, parts) for node in nodes)

    def _node(self, name: str, node: Node, ticked: set[str], parts: str) -> str:
        checked = " checked" if node.value in ticked else ""
        label = html.escape(node.label)
        box = (
            f'<label class="choice"><input type="checkbox" name="{name}"'
            f' value="{html.escape(node.value)}"{checked}><span>{label}</span></label>'
        )
        if not node.children:
            return box
        is_open = " open" if any(value in ticked for value, _l in flat(node.children)) else ""
        return (
            f'<div class="branch">{box}<details{is_open}><summary><span class="sr">'
            f'{parts % {"name": label}}</span></summary><div class="twigs">'
            f"{self._rows(name, node.children, ticked, parts)}</div></details></div>"
        )


@dataclass(frozen=True)
class Tree:
    """Nodes with what is asked of them on every page, made once.

    ``mark``: the same for the same values and labels, so that markup made of it can be kept.
    """

    nodes: tuple[Node, ...]
    choices: tuple[tuple[str, str], ...]
    mark: str

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> "Tree":
        nodes = tuple(nodes)
        choices = tuple(flat(nodes))
        mark = hashlib.sha256(repr(choices).encode()).hexdigest()
        return cls(nodes, choices, mark)


def flat(nodes: Iterable[Node]) -> list[tuple[str, str]]:
    """All values with their labels, as a field's choices."""
    return [pair for node in nodes for pair in [(node.value, node.label), *flat(node.children)]]
