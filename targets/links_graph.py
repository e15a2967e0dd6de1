"""The links of a page as a drawing that reads from left to right: who acts stands before what is acted on.

Two steps: what the centre's links name, and who is linked to those in the same direction, so that a
chain of contractors can be followed. Persons stand at the company they have roles in
(``targets.people_drawn``). The list beside the drawing says the same in sentences.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils.translation import gettext as _

from targets.links_page import ends_of, named, sentence, visible_links
from targets.models import Company, Link, LinkKind, Site
from targets.people_drawn import FIRMS, PERSONS, People, Person, drawn_of, is_over

if TYPE_CHECKING:
    from authorities.actors import Actor

DRAWN = 14  # around the centre: more cannot be read
FURTHER = 12  # a step further
FURTHER_LINKS = 40
STEPS = 4  # columns on either side, however long a chain among those drawn is
COLUMN, ROW, MARGIN = 210, 64, 60  # units of the drawing, not pixels
NEAR, HEAD = 12, 16  # how far from the middle of a node its lines begin and end

Key = tuple[str, int]


@dataclass
class Node:
    label: str
    kind: str  # company, site or person
    level: int = 0  # columns right of the centre's
    x: int = 0
    y: int = 0
    does: list[str] = field(default_factory=list)  # what it does, or what is done to it

    @property
    def words(self) -> str:
        return ", ".join(self.does)


@dataclass
class Edge:
    first: Node
    second: Node
    said: list[str]  # whole sentences
    arrow: bool = True  # none where the centre is only the place of a link
    ended: bool = False  # all that it tells is over

    @property
    def words(self) -> str:
        return "; ".join(self.said)

    @property
    def path(self) -> str:
        """From the first to the second, bent so that lines leave and meet nodes from the side."""
        a, b = self.first, self.second
        if a.x == b.x:
            side = a.x + COLUMN // 3
            return f"M{a.x + NEAR} {a.y}C{side} {a.y} {side} {b.y} {b.x + HEAD} {b.y}"
        way = 1 if b.x > a.x else -1
        middle = (a.x + b.x) // 2
        return f"M{a.x + way * NEAR} {a.y}C{middle} {a.y} {middle} {b.y} {b.x - way * HEAD} {b.y}"


def _key(end: Site | Company | Person) -> Key:
    if isinstance(end, Person):
        return ("person", end.pk)
    return ("company" if isinstance(end, Company) else "site", end.pk)


class Drawing:
    """Nodes and lines, added link by link and then given their places."""

    def __init__(self, centre: Site | Company) -> None:
        self.middle = _key(centre)
        self.nodes: dict[Key, Node] = {}
        self.edges: dict[tuple[Key, Key], Edge] = {}
        self.left_out: set[Key] = set()
        self.room = DRAWN + 1
        self.node(centre, 0)

    def node(self, end: Site | Company | Person, level: int) -> Node:
        """The node of a company, site or person, made where it is new."""
        key = _key(end)
        if key not in self.nodes:
            self.nodes[key] = Node(str(end), key[0], level)
        return self.nodes[key]

    def line(
        self, first: Site | Company | Person, second: Site | Company, words: str, does: str,
        levels: tuple[int, int], *, arrow: bool = True, ended: bool = False, done_to: bool = False,
    ) -> None:  # fmt: skip
        """A line and both its ends, where there is room for those that are new."""
        key = (_key(first), _key(second))
        new = set(key) - self.nodes.keys()
        if len(self.nodes) + len(new) > self.room:
            self.left_out |= new
            return
        a, b = self.node(first, levels[0]), self.node(second, levels[1])
        edge = self.edges.get(key)
        if edge is None or (arrow and not edge.arrow):
            self.edges[key] = Edge(a, b, [words], arrow, ended)
        elif arrow:
            edge.ended = edge.ended and ended
            edge.said += [words] if words not in edge.said else []
        # Who acts on the way to the centre says what it does; beyond the centre it is done to it.
        told_at = b if done_to or levels[1] > 0 else a
        if arrow and does not in told_at.does:
            told_at.does.append(does)

    def link(self, row: Link, level: int | None = None) -> None:
        """A link; ``level`` is that of the end nearer to the centre, a step further out."""
        first, second = ends_of(row)
        does = str(LinkKind(row.kind).label)
        if level is not None:
            levels = (level - 1, level) if level < 0 else (level, level + 1)
        elif _key(second) == self.middle:
            levels = (-1, 0)
        elif _key(first) == self.middle:
            levels = (0, 1)
        else:  # it holds at the centre
            levels = (-2, -1)
        ended = is_over(row.valid_to)
        words = sentence(row)
        if ended:
            words = _("%(link)s (ended)") % {"link": words}
        self.line(first, second, words, does, levels, ended=ended)
        if levels == (-2, -1) and level is None and row.at_site:
            place = _("at the site")
            self.line(second, row.at_site, place, "", (-1, 0), arrow=False, ended=ended)

    def people(self, people: People) -> tuple[int, bool]:
        """Persons with lines to the company and to the others they have roles in.

        Returns how many persons found no room, and whether companies did not either.
        """
        here, elsewhere, left = drawn_of(people)
        level = self.nodes[_key(people.company)].level
        ways = (level - 1, level)
        self.room = len(self.nodes) + PERSONS
        for said in here:
            self.line(said.person, said.company, said.words, said.does, ways)
        self.room = len(self.nodes) + FIRMS
        self.left_out = set()
        for said in elsewhere:
            self.line(said.person, said.company, said.words, said.does, ways,
                      ended=said.ended, done_to=True)  # fmt: skip
        return left, bool(self.left_out)

    def keys_at(self, kind: str, *, left: bool) -> list[int]:
        """Ids of drawn companies or sites on one side of the centre."""
        return [
            pk for (of, pk), node in self.nodes.items()
            if of == kind and (node.level < 0 if left else node.level > 0)
        ]  # fmt: skip

    def straighten(self) -> None:
        """Whoever acts stands left of what is acted on, along chains of up to ``STEPS``."""
        middle = self.nodes[self.middle]
        for _round in range(STEPS):
            for edge in self.edges.values():
                a, b = edge.first, edge.second
                if a is middle or b is middle or a.level < b.level:
                    continue
                if b.level < 0:
                    a.level = max(-STEPS, b.level - 1)
                elif a.level > 0:
                    b.level = min(STEPS, a.level + 1)

    def place(self) -> tuple[int, int]:
        """Give every node its place; returns width and height of the drawing."""
        columns: dict[int, list[Node]] = {}
        for node in self.nodes.values():
            columns.setdefault(node.level, []).append(node)
        height = ROW * max(3, *(len(nodes) for nodes in columns.values()))
        for number, level in enumerate(sorted(columns)):
            for node in columns[level]:
                node.x = COLUMN // 2 + COLUMN * number
        for level in sorted(columns, key=abs):  # outwards: neighbours keep the order of the inner
            nodes = columns[level]
            nodes.sort(key=self._beside)
            for number, node in enumerate(nodes):
                node.y = round((number + 0.5) * height / len(nodes))
        return COLUMN * len(columns), height + MARGIN

    def _beside(self, node: Node) -> float:
        """Where the nodes lie that it is linked to, as far as they have a place."""
        others = [
            other.y for edge in self.edges.values() for one, other in
            ((edge.first, edge.second), (edge.second, edge.first)) if one is node and other.y
        ]  # fmt: skip
        return sum(others) / len(others) if others else 0


def graph_of(
    actor: "Actor", centre: Site | Company, rows: list[Link], runs: Company | None = None,
    people: People | None = None,
) -> dict[str, Any] | None:  # fmt: skip
    """The drawing of a page's links, and the sentences of the second step; None if too little.

    ``rows``: links of the centre that the actor sees; ``runs``: the company that runs the site;
    ``people``: persons to draw, as far as the list beside names their roles. One query.
    """
    drawing = Drawing(centre)
    if runs is not None:
        does = _("runs the site")
        drawing.line(runs, centre, f"{runs}: {does}", does, (-1, 0))
    for row in rows:
        drawing.link(row)
    near = set(drawing.left_out)
    further = _further(actor, drawing)
    missing = drawing.left_out - drawing.nodes.keys()  # a later link may have brought its end in
    left, firms_left = drawing.people(people) if people and people.rows else (0, False)
    if len(drawing.nodes) < 3:
        return None  # the list says it better
    drawing.straighten()
    width, height = drawing.place()
    middle = drawing.nodes[drawing.middle]
    return {
        "width": width, "height": height, "centre": middle, "label": middle.label,
        "nodes": [node for node in drawing.nodes.values() if node is not middle],
        "edges": list(drawing.edges.values()), "more": len(missing & near),
        "columns": width // COLUMN,
        "ended": any(edge.ended for edge in drawing.edges.values()),
        "people": any(node.kind == "person" for node in drawing.nodes.values()),
        "more_people": left, "more_firms": firms_left,
        "further": [
            {"words": sentence(row), "first": named(first), "second": named(second),
             "at": named(row.at_site), "link": row}
            for row in further[:FURTHER_LINKS] for first, second in [ends_of(row)]
        ],
        "further_cut": len(further) > FURTHER_LINKS or bool(missing - near),
    }  # fmt: skip


def _further(actor: "Actor", drawing: Drawing) -> list[Link]:
    """Links one step on in the direction of the first: to those on the left, from those on the right.

    They are added to the drawing. At most ``FURTHER_LINKS`` and one, which tells that there are more.
    """
    ends = {
        f"{side}_{kind}__in": drawing.keys_at(kind, left=side == "to")
        for side in ("to", "from") for kind in ("company", "site")
    }  # fmt: skip
    about = Q()
    for name, ids in ends.items():
        if ids:
            about |= Q(**{name: ids})
    if not about:
        return []
    kind, pk = drawing.middle
    own = Q(**{f"from_{kind}": pk}) | Q(**{f"to_{kind}": pk})
    if kind == "site":
        own |= Q(at_site=pk)
    # "Not one of these" would be unknown where a column is empty: the centre's are told by their ids.
    centre = Link.objects.filter(own).values("pk")
    found = list(visible_links(actor).filter(about).exclude(pk__in=centre)[: FURTHER_LINKS + 1])
    drawing.room = len(drawing.nodes) + FURTHER
    for row in found[:FURTHER_LINKS]:
        first, second = (drawing.nodes.get(_key(end)) for end in ends_of(row))
        if second is not None and second.level < 0:
            drawing.link(row, second.level)
        elif first is not None:
            drawing.link(row, max(1, first.level))
    return found
