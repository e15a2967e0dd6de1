"""Links of a site or a company for its page: a list, and the same as a small drawn graph."""

from dataclasses import dataclass
from math import cos, pi, sin
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from targets.models import Company, Link, LinkKind, PersonRole, Site
from targets.services.links import WRITERS

if TYPE_CHECKING:
    from authorities.actors import Actor

LINKS_SHOWN = 60
DRAWN = 14  # more than this around one centre cannot be read
WIDTH, HEIGHT = 640, 420  # units of the drawing, not pixels


SENTENCES = {
    LinkKind.OWNS: gettext_lazy("%(first)s owns %(second)s"),
    LinkKind.CONTRACTS: gettext_lazy("%(first)s is a contractor of %(second)s"),
    LinkKind.STAFFS: gettext_lazy("%(first)s hires out labour to %(second)s"),
    LinkKind.WORKS_AT: gettext_lazy("%(first)s employs people at %(second)s"),
    LinkKind.COMMISSIONS: gettext_lazy("%(first)s has work done at %(second)s"),
    LinkKind.LODGES: gettext_lazy("%(first)s lodges its people in %(second)s"),
    LinkKind.USES: gettext_lazy("%(first)s uses %(second)s"),
    LinkKind.SUCCEEDS: gettext_lazy("%(first)s goes on after %(second)s"),
}


@dataclass
class Node:
    label: str
    url: str
    kind: str  # company or site
    x: float = 0
    y: float = 0
    words: str = ""  # how it hangs together with the centre
    linked: bool = False  # stands in the list as a link, too


def links_of(
    actor: "Actor", *, site: Site | None = None, company: Company | None = None
) -> list[dict[str, Any]]:
    """Links the actor may see that have the target at either end. Three queries.

    Each: ``words``, ``label``, ``url``, ``kind``, ``link``, ``at`` (where it holds). An end the
    actor may not see hides the link.
    """
    ends = ("from_company", "from_site", "to_company", "to_site", "at_site")
    if site is not None:
        about = Q(from_site=site) | Q(to_site=site) | Q(at_site=site)
    else:
        about = Q(from_company=company) | Q(to_company=company)
    rows = list(
        Link.objects.visible_to(actor).filter(about)
        .select_related(*ends, "authority").order_by("kind", "-valid_from", "pk")[:LINKS_SHOWN]
    )  # fmt: skip
    sites = {pk for row in rows for pk in (row.from_site_id, row.to_site_id, row.at_site_id) if pk}
    seen = set(Site.objects.visible_to(actor).filter(pk__in=sites).values_list("pk", flat=True))
    found = []
    for row in rows:
        named = [pk for pk in (row.from_site_id, row.to_site_id, row.at_site_id) if pk]
        if not all(pk in seen for pk in named):
            continue
        found += _ends(row, site or company)
    return found


def sites_of_company(actor: "Actor", company: Company) -> QuerySet[Site]:
    """Sites that the company runs, or that a link which the actor may see ties to it.

    To choose from: ``LINKS_SHOWN`` of each at most.
    """
    links = Link.objects.visible_to(actor).filter(Q(from_company=company) | Q(to_company=company))
    tied = links.order_by("-valid_from", "pk").values_list("from_site", "to_site", "at_site")
    ids = {pk for row in tied[:LINKS_SHOWN] for pk in row if pk}
    ids.update(
        Site.objects.filter(company=company).order_by("name", "pk")
        .values_list("pk", flat=True)[:LINKS_SHOWN]
    )  # fmt: skip
    return (
        Site.objects.visible_to(actor).filter(pk__in=ids, merged_into=None).order_by("name", "pk")
    )


def _ends(row: Link, centre: Any) -> list[dict[str, Any]]:
    """The other end of a link, or both where the centre is only the place of it."""
    first, second = row.from_company or row.from_site, row.to_company or row.to_site
    kind = LinkKind(row.kind)
    words = str(SENTENCES[kind]) % {"first": first, "second": second}
    others = [end for end in (first, second) if end != centre]
    return [
        {"words": words, "label": str(end), "url": _url(end), "link": row,
         "kind": "company" if isinstance(end, Company) else "site", "does": str(kind.label),
         "at": {"label": str(row.at_site), "url": _url(row.at_site)}
         if row.at_site and row.at_site != centre else None}
        for end in others
    ]  # fmt: skip


def link_url(actor: "Actor", centre: Site | Company) -> str:
    """Where the actor may write a link of ``centre`` down; empty where not."""
    if not actor.has_role(*WRITERS) or centre.merged_into_id:
        return ""
    name = "targets:site_link" if isinstance(centre, Site) else "targets:company_link"
    return reverse(name, args=[centre.public_id])


def _url(end: Any) -> str:
    name = "targets:company_detail" if isinstance(end, Company) else "targets:site_detail"
    return reverse(name, args=[end.public_id])


def graph_of(centre: Any, links: list[dict[str, Any]], extra: list[Any] | None = None) -> Any:
    """Places for the drawing: the centre and up to ``DRAWN`` others in a ring, each once.

    ``extra``: companies or sites that hang on the centre without a link (who runs the site).
    None when there is too little to draw.
    """
    nodes: dict[str, Node] = {}
    for end in extra or []:
        kind = "company" if isinstance(end, Company) else "site"
        nodes[_url(end)] = Node(str(end), _url(end), kind, words=_("runs the site"))
    for link in links:
        node = nodes.setdefault(link["url"], Node(link["label"], link["url"], link["kind"]))
        node.linked = True
        if link["does"] not in node.words:
            node.words = f"{node.words}, {link['does']}" if node.words else link["does"]
    if len(nodes) < 2:
        return None  # the list says it better
    ring = list(nodes.values())[:DRAWN]
    for number, node in enumerate(ring):
        angle = 2 * pi * number / len(ring) - pi / 2
        node.x = round(WIDTH / 2 + (WIDTH / 2 - 110) * cos(angle))
        node.y = round(HEIGHT / 2 + (HEIGHT / 2 - 50) * sin(angle))
    return {
        "width": WIDTH, "height": HEIGHT, "x": WIDTH // 2, "y": HEIGHT // 2,
        "label": str(centre), "nodes": ring, "more": max(0, len(nodes) - DRAWN),
    }  # fmt: skip


def roles_of(actor: "Actor", company: Company) -> list[dict[str, Any]]:
    """Roles of persons in a company: no names, but where else the same person has one. Two queries.

    ``role``, ``source``, ``known_from`` (of the latest), ``number`` of persons, ``others``: companies
    that share a person.
    """
    mine = list(
        PersonRole.objects.filter(company=company, valid_to=None).order_by("role", "pk")[:100]
    )
    persons = {row.person for row in mine}
    shared: dict[str, list[Company]] = {}
    others = (
        PersonRole.objects.filter(person__in=persons).exclude(company=company)
        .filter(company__in=Company.objects.visible_to(actor))
        .select_related("company").order_by("company__name", "pk")[:100]
    )  # fmt: skip
    for row in others:
        companies = shared.setdefault(row.person, [])
        if row.company not in companies:
            companies.append(row.company)
    by_role: dict[tuple[str, str], dict[str, Any]] = {}
    for row in mine:
        entry = by_role.setdefault(
            (row.role, row.source),
            {"role": role_words(row.role), "source": row.source, "known_from": row.known_from,
             "number": 0, "others": []},
        )  # fmt: skip
        entry["known_from"] = max(entry["known_from"], row.known_from)
        entry["number"] += 1
        entry["others"] += [c for c in shared.get(row.person, []) if c not in entry["others"]]
    return list(by_role.values())


def role_words(code: str) -> str:
    words = {
        "board": _("Member of the board"), "deputy": _("Deputy member of the board"),
        "chair": _("Chair of the board"), "managing_director": _("Managing director"),
        "partner": _("Partner"), "owner": _("Beneficial owner"), "auditor": _("Auditor"),
        "procurator": _("Holder of procuration"),
    }  # fmt: skip
    return words.get(code, code)
