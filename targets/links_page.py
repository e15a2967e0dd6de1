"""Links of a site or a company for its page: which are seen, and what each says."""

from typing import TYPE_CHECKING, Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from targets.models import Company, Link, LinkKind, PersonRole, Site
from targets.services.links import WRITERS

if TYPE_CHECKING:
    from authorities.actors import Actor

LINKS_SHOWN = 60
ROLES_SHOWN = 100
OTHERS_SHOWN = 100  # roles in other companies that those of a part lead to
ENDS = ("from_company", "from_site", "to_company", "to_site", "at_site")
SHOWN_OF = (
    gettext_lazy("Links %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Links %(first)s–%(last)s of more than %(count)s are shown."),
)
ROLES_OF = (
    gettext_lazy("Roles %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Roles %(first)s–%(last)s of more than %(count)s are shown."),
)


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


def visible_links(actor: "Actor") -> QuerySet[Link]:
    """Links the actor may see with all that they name: an end that is hidden hides the link."""
    rows = Link.objects.visible_to(actor).select_related(*ENDS, "authority")
    for end in ("from_site", "to_site", "at_site"):
        site = Site.objects.visible_to(actor).filter(pk=OuterRef(end)).order_by("pk")
        rows = rows.alias(**{f"{end}_seen": Subquery(site.values("pk")[:1])}).filter(
            Q(**{f"{end}__isnull": True}) | Q(**{f"{end}_seen__isnull": False})
        )
    return rows.order_by("kind", "-valid_from", "pk")


def links_at(actor: "Actor", centre: Site | Company) -> QuerySet[Link]:
    """Those that have the centre at either end, or of a site also those that hold there."""
    if isinstance(centre, Site):
        about = Q(from_site=centre) | Q(to_site=centre) | Q(at_site=centre)
    else:
        about = Q(from_company=centre) | Q(to_company=centre)
    return visible_links(actor).filter(about)


def ends_of(row: Link) -> tuple[Any, Any]:
    """Who does something and whom or what it is done to, each a company or a site."""
    return row.from_company or row.from_site, row.to_company or row.to_site


def sentence(row: Link) -> str:
    first, second = ends_of(row)
    return str(SENTENCES[LinkKind(row.kind)]) % {"first": first, "second": second}


def named(end: Any) -> dict[str, str] | None:
    return {"label": str(end), "url": url_of(end)} if end else None


def told(rows: list[Link], centre: Any) -> list[dict[str, Any]]:
    """The links in words, each with the other end, or both where the centre is only its place.

    ``words``, ``label``, ``url``, ``link``, ``at`` (where it holds). No query.
    """
    return [
        {"words": sentence(row), **(named(end) or {}), "link": row,
         "at": named(row.at_site if row.at_site != centre else None)}
        for row in rows
        for end in ends_of(row)
        if end != centre
    ]  # fmt: skip


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


def link_url(actor: "Actor", centre: Site | Company) -> str:
    """Where the actor may write a link of ``centre`` down; empty where not."""
    if not actor.has_role(*WRITERS) or centre.merged_into_id:
        return ""
    name = "targets:site_link" if isinstance(centre, Site) else "targets:company_link"
    return reverse(name, args=[centre.public_id])


def url_of(end: Any) -> str:
    name = "targets:company_detail" if isinstance(end, Company) else "targets:site_detail"
    return reverse(name, args=[end.public_id])


def roles_at(company: Company) -> QuerySet[PersonRole]:
    """Roles that persons have in a company now."""
    return PersonRole.objects.filter(company=company, valid_to=None).order_by("role", "pk")


def roles_elsewhere(actor: "Actor", rows: list[PersonRole]) -> tuple[list[PersonRole], bool]:
    """Roles that persons of ``rows`` (of one company) have or had in other companies, and whether
    there are more than ``OTHERS_SHOWN``. One query."""
    others = list(
        PersonRole.objects.filter(person__in={row.person for row in rows})
        .exclude(company__in={row.company_id for row in rows})
        .filter(company__in=Company.objects.visible_to(actor))
        .select_related("company").order_by("company__name", "pk")[: OTHERS_SHOWN + 1]
    )  # fmt: skip
    return others[:OTHERS_SHOWN], len(others) > OTHERS_SHOWN


def roles_told(rows: list[PersonRole], others: list[PersonRole]) -> list[dict[str, Any]]:
    """Roles of one company in words: no names, but where else the same person has one. No query.

    ``role``, ``source``, ``known_from`` (of the latest), ``number`` of persons, ``others``: companies
    that share a person, by ``roles_elsewhere``.
    """
    shared: dict[str, list[Company]] = {}
    for row in others:
        companies = shared.setdefault(row.person, [])
        if row.company not in companies:
            companies.append(row.company)
    by_role: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
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
