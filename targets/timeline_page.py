"""What happened at a site, for its page: events, visits and what registers changed, by time."""

from typing import TYPE_CHECKING, Any

from django.db.models import CharField, DateTimeField, F, QuerySet, Value
from django.db.models.functions import Cast
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.models import Event
from audit.selectors import events_at, told
from targets.history_page import changes_told, history_of
from targets.models import PastVisit, RegisterChange, Site, VisitOutcome
from targets.selectors import visits_of

if TYPE_CHECKING:
    from authorities.actors import Actor

ENTRIES_SHOWN = 20
ENTRIES_OF = (
    gettext_lazy("Entries %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Entries %(first)s–%(last)s of more than %(count)s are shown."),
)


def happened_at(actor: "Actor", site: Site) -> QuerySet[Any]:
    """All that the actor sees, newest first: ``pk``, ``what`` and ``when`` of each row.

    What happened at sites that were found to be this one happened here. One query for these.
    """
    parts = Site.objects.filter(merged_into=site).values_list("pk", flat=True)
    rows = [
        _named(events_at([site.pk, *parts], actor), "event", F("at")),
        _named(visits_of(site, actor), "visit", Cast("on", DateTimeField())),
        _named(changes_told(site), "change", F("at")),
    ]
    return rows[0].union(*rows[1:], all=True).order_by("-when", "what", "-pk")


def _named(rows: QuerySet[Any], what: str, when: Any) -> QuerySet[Any]:
    return (
        rows.order_by()
        .select_related(None)
        .annotate(what=Value(what, CharField()), when=when)
        .values("pk", "what", "when")
    )


def entries_of(actor: "Actor", rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A part of ``happened_at`` as entries of a timeline. Three queries, and one of companies.

    Those of visits have a ``day`` and no hour.
    """
    ids: dict[str, list[int]] = {"event": [], "visit": [], "change": []}
    for row in rows:
        ids[row["what"]].append(row["pk"])
    events = list(
        Event.objects.filter(pk__in=ids["event"]).select_related("user", "authority").order_by("pk")
    )
    visits = (
        PastVisit.objects.visible_to(actor).filter(pk__in=ids["visit"])
        .select_related("authority", "performed_by").order_by("pk")
    )  # fmt: skip
    changes = list(RegisterChange.objects.filter(pk__in=ids["change"]).order_by("pk"))
    entries = {
        **{("event", e.pk): t for e, t in zip(events, told(events), strict=True)},
        **{("visit", visit.pk): _of_visit(visit) for visit in visits},
        **{
            ("change", c.pk): _of_change(h)
            for c, h in zip(changes, history_of(actor, changes), strict=True)
        },
    }
    keys = [(row["what"], row["pk"]) for row in rows]
    return [entries[key] for key in keys if key in entries]  # one may have been erased meanwhile


def _of_visit(visit: PastVisit) -> dict[str, Any]:
    result = visit.get_outcome_display()
    made = visit.outcome != VisitOutcome.NOT_POSSIBLE
    return {
        "sentence": _("Visit: %(result)s.") % {"result": result} if made else result,
        "who": (visit.performed_by or visit.authority).name, "day": visit.on,
    }  # fmt: skip


def _of_change(change: dict[str, Any]) -> dict[str, Any]:
    who = change["source"]
    if change["undo"]:
        who = f"{who} · {_('an import was undone')}"
    told_ = [f"{each['label']}: {each['old']} → {each['new']}" for each in change["changes"]]
    return {
        "sentence": _("What the register says was changed."), "reason": "; ".join(told_),
        "who": who, "at": change["at"],
    }  # fmt: skip
