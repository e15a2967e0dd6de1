"""Pages of imports: start, progress, rehearsal, refused rows, and what may be done with them."""

import datetime as dt
import re
import tempfile
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from audit.errors import RuleViolation
from authorities.access import acting
from targets.fact_words import kind_words
from targets.field_words import FIELDS, field_words, refused_words
from targets.forms import ImportForm
from targets.import_states import ASKED
from targets.lists import ImportList
from targets.models import Company, ImportMapping, ImportRun, Site, VisitOutcome
from targets.selectors import shown_date
from targets.services.imports.control import IMPORTERS, ask, may
from targets.services.imports.messages import row_message
from targets.services.imports.progress import progress_of
from targets.services.imports.refused_file import as_json, write_refused
from targets.services.uploads import start_upload
from targets.source_words import shown_source
from ui.forms import add_error, form_response

if TYPE_CHECKING:
    from authorities.actors import Actor

import_list = require_GET(acting(*IMPORTERS)(ImportList.as_view()))

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
SPOOLED = 8 * 1024**2  # bytes of refused rows kept in memory before a file is used
WORDS = {
    "pause": gettext_lazy("Pause"), "resume": gettext_lazy("Go on"),
    "cancel": gettext_lazy("Cancel the import"), "store": gettext_lazy("Store these changes"),
    "undo": gettext_lazy("Undo the whole import"),
}  # fmt: skip
KINDS = {
    "company": gettext_lazy("Companies"), "site": gettext_lazy("Sites"),
    "visits": gettext_lazy("Visits"), "facts": gettext_lazy("Facts"),
    "roles": gettext_lazy("Roles of persons"), "links": gettext_lazy("Links"),
}  # fmt: skip


@acting(*IMPORTERS)
def import_create(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    mappings = [
        (m.code, f"{m.name} ({m.get_kind_display()})")
        for m in ImportMapping.objects.visible_to(actor).order_by("kind", "name", "pk")
    ]
    form = ImportForm(request.POST or None, request.FILES or None, mappings=mappings)
    if request.method == "POST" and form.is_valid():
        try:
            run = start_upload(actor=actor, **form.cleaned_data)
        except RuleViolation as error:
            add_error(form, error)
        else:
            return redirect("targets:import_detail", public_id=run.public_id)
    context = {
        "title": _("New import"), "submit_label": _("Read the file"),
        "intro": _("A bad row never stops a file: refused rows are listed with the reason, and can "
                   "be mended and loaded again. The same file can be read again without doubling. "
                   "Sites and companies on a list join the register that every authority sees; "
                   "visits, facts and links stay with your authority unless they are shared, and "
                   "links that are not shared hold only between what the register knows already."),
        "back_url": reverse("targets:import_list"), "back_label": _("Imports"),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


def _refusals(run: ImportRun) -> QuerySet[Any]:
    return run.refusals.order_by("line", "id")


def _seen(request: HttpRequest, public_id: str) -> ImportRun:
    actor = request.actor  # type: ignore[attr-defined]
    return get_object_or_404(
        ImportRun.objects.visible_to(actor).select_related("authority", "started_by"),
        public_id=public_id,
    )


@require_GET
@acting(*IMPORTERS)
def import_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    run = _seen(request, public_id)
    pages = Paginator(_refusals(run).defer("row"), 100)
    pages.count = run.refused_count  # known; not counted anew at every look
    page = pages.get_page(request.GET.get("page"))
    context = {
        "run": run,
        "progress": progress_of(run),
        "refusals": [
            {"row": r, "field": refused_words(r.field, r.code, run.columns),
             "reason": row_message(r.code)} for r in page
        ],
        "pages": page,
        "steps": [{"what": what, "label": WORDS[what]} for what in ASKED if may(run, what)],
        "preview": _preview(request, run),
        "ends": _ends(request, run),
        "facts": [
            {"label": _("Format"), "value": run.format},
            {"label": _("Owner"), "value": run.authority.name},
            {"label": _("Full list"), "value": _("yes") if run.full_list else ""},
            {"label": _("Started by"), "value": run.started_by.full_name if run.started_by else ""},
            {"label": _("Started"), "value": date_format(
                timezone.localtime(run.created_at), "SHORT_DATETIME_FORMAT")},
            {"label": _("Why the data may be held"), "value": run.legal_basis},
            {"label": _("What for"), "value": run.purpose},
            {"label": _("To be deleted on"), "value": date_format(
                run.delete_on, "SHORT_DATE_FORMAT") if run.delete_on else ""},
        ],
        "tabs": [],
        "visible_to": run.authority.name,
    }  # fmt: skip
    partial = request.headers.get("HX-Request") == "true"
    template = "targets/import_state.html" if partial else "targets/import.html"
    return render(request, template, context)


def _preview(request: HttpRequest, run: ImportRun) -> list[dict[str, Any]]:
    """What a rehearsal found, with examples of those targets the actor may see."""
    if run.state != "ready":
        return []
    actor = request.actor  # type: ignore[attr-defined]
    parts = []
    for kind, numbers in run.preview.items():
        if kind not in KINDS or not any(numbers[n] for n in ("new", "changed", "unchanged")):
            continue
        names = _targets(actor, kind, numbers["examples"])
        parts.append(
            {
                "title": KINDS[kind],
                "numbers": numbers,
                "fields": [
                    {"name": field_words(name), "count": count}
                    for name, count in sorted(numbers["fields"].items(), key=lambda f: -f[1])
                ],
                "examples": [
                    {
                        "line": e["line"],
                        "name": names[_target(kind, e)],
                        "changes": _changes(actor, e),
                    }
                    for e in numbers["examples"]
                    if _target(kind, e) in names
                ],
            }
        )
    return parts


def _ends(request: HttpRequest, run: ImportRun) -> dict[str, Any] | None:
    """What a rehearsed full list would end, with examples of those targets the actor may see."""
    if run.state != "ready" or "ends" not in run.preview:
        return None
    actor = request.actor  # type: ignore[attr-defined]
    told = run.preview["ends"]
    names = _targets(actor, "", told["examples"])
    return told | {
        "examples": [
            {"name": names[_target("", e)], "kind": kind_words(e["kind"])}
            for e in told["examples"] if _target("", e) in names
        ]
    }  # fmt: skip


def _target(kind: str, example: dict[str, Any]) -> tuple[str, int]:
    """What an example is about: a site or a company, and which."""
    return str(example.get("target", kind)), int(example["id"])


def _targets(
    actor: "Actor", kind: str, examples: list[dict[str, Any]]
) -> dict[tuple[str, int], str]:
    """Names of what examples are about, as far as the actor may see it. Two queries at most."""
    named = {_target(kind, example) for example in examples}
    names: dict[tuple[str, int], str] = {}
    for target, rows in (
        ("site", Site.objects.visible_to(actor)), ("company", Company.objects.visible_to(actor)),
    ):  # fmt: skip
        ids = [pk for which, pk in named if which == target]
        if ids:
            names |= {(target, row.pk): str(row) for row in rows.filter(pk__in=ids)}
    return names


def _changes(actor: "Actor", example: dict[str, Any]) -> list[dict[str, Any]]:
    old, new = example["old"] or {}, example["new"] or {}
    return [
        {"name": field_words(name), "old": _shown(actor, name, old.get(name)),
         "new": _shown(actor, name, new.get(name))}
        for name in new
        # The ids of other rows say nothing to a reader.
        if (name in FIELDS or "." in name) and not name.endswith("_id")
    ]  # fmt: skip


def _shown(actor: "Actor", name: str, value: Any) -> str:
    if value in (None, ""):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name == "source":
        return shown_source(str(value), actor)
    if name == "outcome" and value in VisitOutcome.values:
        return str(VisitOutcome(value).label)
    if isinstance(value, str) and DAY.fullmatch(value):
        return shown_date(dt.date.fromisoformat(value))
    return str(value)


@require_POST
@acting(*IMPORTERS)
def import_ask(request: HttpRequest, public_id: str, what: str) -> HttpResponse:
    """Pause, go on, cancel, store or undo."""
    run = _seen(request, public_id)
    if what not in ASKED:
        raise Http404
    ask(actor=request.actor, run=run, what=what)  # type: ignore[attr-defined]
    return redirect("targets:import_detail", public_id=run.public_id)


@require_GET
@acting(*IMPORTERS)
def import_refusals(request: HttpRequest, public_id: str) -> FileResponse:
    """The refused rows as they were read, with the reason: to mend and load again."""
    run = _seen(request, public_id)
    ending = "json" if as_json(run) else "csv"
    file = tempfile.SpooledTemporaryFile(max_size=SPOOLED)  # noqa: SIM115  # closed with the answer
    write_refused(file, run)
    file.seek(0)
    return FileResponse(
        file,  # type: ignore[arg-type]
        as_attachment=True,
        filename=f"refused-rows.{ending}",
        content_type="application/json" if ending == "json" else "text/csv; charset=utf-8",
    )
