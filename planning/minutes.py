"""The minutes in words: what each line says, and the document of a closed meeting."""

import datetime as dt
import hashlib
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from audit.context import as_system
from authorities.models import Authority
from planning.models import (
    ChoiceState,
    ItemState,
    Meeting,
    MeetingState,
    MinuteLine,
    Minutes,
)
from planning.services.meetings import minutes_content
from ui.pdf import render_pdf

# One sentence a kind of line, never glued from parts.
SENTENCES: dict[str, Any] = {
    "opened": gettext_lazy(
        "%(person)s (%(authority)s) opened the meeting; it can decide when %(quorum)s of %(count)s"
        " authorities are present."
    ),
    "joined": gettext_lazy("%(person)s joined for %(authority)s."),
    "left": gettext_lazy("%(person)s (%(authority)s) left."),
    "lapsed": gettext_lazy(
        "%(person)s (%(authority)s) has not been heard of for a while and counts as gone."
    ),
    "quorum_reached": gettext_lazy("Authorities present: %(count)s. The meeting can decide."),
    "quorum_lost": gettext_lazy("Authorities present: %(count)s. The meeting cannot decide."),
    "item_added": gettext_lazy("%(site)s was put on the agenda by %(person)s (%(authority)s)."),
    "moved": gettext_lazy("%(site)s was moved to place %(order)s of the agenda."),
    "item_opened": gettext_lazy("%(site)s is discussed."),
    "set_aside": gettext_lazy("%(site)s was set aside."),
    "consent": gettext_lazy("%(authority)s consents to %(site)s (%(person)s). %(reason)s"),
    "veto": gettext_lazy("%(authority)s vetoes %(site)s (%(person)s): %(reason)s"),
    "picked": gettext_lazy(
        "Decided: %(site)s is selected. Team: %(team)s. Week: %(week)s. Reason: %(reason)s"
    ),
    "dropped": gettext_lazy("Decided: %(site)s is left out. Reason: %(reason)s"),
    "undecided": gettext_lazy("%(site)s was left undecided."),
    "note": gettext_lazy("%(person)s (%(authority)s): %(text)s"),
    "closed": gettext_lazy("%(person)s (%(authority)s) closed the meeting."),
}

CLOSING = (*ChoiceState.values, "undecided")  # kinds of the lines that close an item


def short_names() -> dict[str, str]:
    """Authorities' short names in the reader's language, by code. One query."""
    return {a.code: a.short for a in Authority.objects.all()}


def words_of(line: MinuteLine, names: dict[str, str]) -> str:
    """The line as a sentence in the reader's language."""
    code = line.data.get("authority", "")
    values = line.data | {"authority": names.get(code, code)} | _who_and_when(line, names)
    return (str(SENTENCES[line.kind]) % values).strip()


def _who_and_when(line: MinuteLine, names: dict[str, str]) -> dict[str, str]:
    """Team and week of a line that selects a site, as they were decided; else nothing."""
    if line.kind != ChoiceState.PICKED:
        return {}
    week = line.data.get("week")  # lines from before this was written have neither
    return {
        "team": ", ".join(names.get(code, code) for code in line.data.get("team", [])) or "–",
        "week": date_format(dt.date.fromisoformat(week), "W") if week else _("any"),
    }


def _there(line: MinuteLine, names: dict[str, str]) -> str:
    """Who was there when an item was closed and could hear of it: "Tax (A. B., C. D.), POL (E. F.)"."""
    return ", ".join(
        f"{names.get(code, code)} ({', '.join(people)})"
        for code, people in line.data.get("present", [])
    )


def minutes_document(meeting: Meeting) -> dict[str, Any]:
    """Everything the minutes show, in the active language. Constant queries."""
    operation, names = meeting.operation, short_names()
    by_id = {a.pk: a.short for a in Authority.objects.all()}
    lines = list(meeting.lines.order_by("number"))
    places = meeting.places.select_related("user", "authority")
    items = meeting.items.filter(state=ItemState.CLOSED).select_related("site")
    # What was said last of a site counts: the group may have come back to it.
    decided = {
        x.site_id: _who_and_when(x, names) | {"present": _there(x, names)}
        for x in lines if x.kind in CLOSING
    }  # fmt: skip
    none = _("None")
    return {
        "title": _("Minutes of meeting %(number)s: %(name)s")
        % {"number": meeting.number, "name": operation.name},
        "running": f"{operation.number} {operation.name}",
        "classification": _("For official use"),
        "footer": _("Round %(round)s · %(hash)s")
        % {"round": meeting.round, "hash": meeting.sha256[:16]},
        "facts": [
            {"label": _("Operation"), "value": str(operation)},
            {"label": _("Legal purpose"), "value": operation.legal_purpose},
            {"label": _("Opened"), "value": _moment(meeting.opened_at)},
            {"label": _("Closed"), "value": _moment(meeting.closed_at)},
            {"label": _("Authorities needed to decide"), "value": str(meeting.quorum)},
            {"label": _("Fingerprint of the minutes"), "value": meeting.sha256},
        ],
        "sections": [
            {"title": _("Present"), "head": [_("Authority"), _("Name"), _("From"), _("Until")],
             "rows": [[p.authority.short, p.user.full_name, _clock(p.joined_at), _clock(p.left_at)]
                      for p in places],
             "empty": none},
            {"title": _("Decisions"),
             "head": [_("Site"), _("Decision"), _("Team"), _("Week"), _("Reason"),
                      _("Kept off by their veto"), _("Present")],
             "rows": [
                 [i.site.name, i.get_result_display() if i.result else _("Left undecided"),
                  decided.get(i.site_id, {}).get("team", "–"),
                  decided.get(i.site_id, {}).get("week", "–"),
                  i.reason, ", ".join(by_id[pk] for pk in i.kept_off),
                  decided.get(i.site_id, {}).get("present", "–")]
                 for i in items
             ],
             "empty": none},
            {"title": _("Course of the meeting"), "head": ["#", _("Time"), _("What happened")],
             "rows": [[str(x.number), _clock(x.at), words_of(x, names)] for x in lines],
             "empty": none},
        ],
    }  # fmt: skip


def _moment(value: Any) -> str:
    return date_format(timezone.localtime(value), "DATETIME_FORMAT") if value else "–"


def _clock(value: Any) -> str:
    return date_format(timezone.localtime(value), "TIME_FORMAT") if value else "–"


@transaction.atomic
def make_minutes(meeting_id: int) -> int:
    """Store the minutes of a closed meeting in every language, once. Returns how many are new."""
    with as_system("the minutes hold what every participant said"):
        meeting = (
            Meeting.objects.select_for_update(of=("self",))
            .select_related("operation")
            .get(pk=meeting_id)
        )
        if meeting.state != MeetingState.CLOSED:
            return 0
        made = set(meeting.documents.values_list("language", flat=True))
        lacking = [code for code, _name in settings.LANGUAGES if code not in made]
        for language in lacking:
            with override(language):
                content = minutes_document(meeting) | {"minutes": minutes_content(meeting)}
                pdf = render_pdf("report", content, language)
            Minutes.objects.create(
                meeting=meeting, language=language, pdf=pdf, content=content,
                sha256=hashlib.sha256(pdf).hexdigest(),
            )  # fmt: skip
        return len(lacking)
