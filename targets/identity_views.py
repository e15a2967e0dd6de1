"""Pages of identity: the queue, a pair side by side, merges of a target, successor hints."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError
from authorities.access import acting
from targets.identity_forms import DifferentForm, HintForm, SameForm, UnmergeForm
from targets.identity_lists import MatchPairList, in_state
from targets.identity_words import evidence_rows, percent, side_by_side, summary
from targets.models import DECIDERS, Company, Kind, MatchPair, Merge, Site, SuccessorHint
from targets.services.identity import deciding, linkage, merging, successors
from targets.source_words import shown_source
from ui.forms import add_error, form_response

JOINED_AT_ONCE = 50
pair_list = require_GET(acting(*DECIDERS)(MatchPairList.as_view()))

ENDS = tuple(
    f"{kind}_{end}__{column}"
    for end in ("a", "b")
    for kind, columns in (
        ("site", ("company", "municipality", "industry__edition")),
        ("company", ("municipality", "industry__edition")),
    )
    for column in columns
)


def _actor(request: HttpRequest) -> Any:
    return request.actor  # type: ignore[attr-defined]


def kept_instead(request: HttpRequest, model: type[Site | Company], public_id: str) -> HttpResponse:
    """To the row that a merged one has become part of; 404 for what does not exist."""
    row = model.objects.filter(public_id=public_id, merged_into__isnull=False).first()
    name = "site" if model is Site else "company"
    kept = row and model.objects.visible_to(_actor(request)).filter(pk=row.merged_into_id).first()  # type: ignore[misc]
    if not kept:
        raise Http404
    messages.info(
        request,
        _("%(name)s was found to be the same as this.") % {"name": row.name},  # type: ignore[union-attr]
    )
    return redirect(f"targets:{name}_detail", public_id=kept.public_id)


def _url(row: Site | Company) -> str:
    name = "site" if isinstance(row, Site) else "company"
    return reverse(f"targets:{name}_detail", args=[row.public_id])


def _next(actor: Any, pair: MatchPair) -> HttpResponse:
    """The next pair that waits, so that a queue is worked through without going back."""
    rows = in_state(MatchPair.objects.visible_to(actor), "waiting")
    following = rows.exclude(pk=pair.pk).order_by("-probability", "pk").first()
    if following is None:
        return redirect("targets:pair_list")
    return redirect("targets:pair", public_id=following.public_id)


@acting(*DECIDERS)
def pair(request: HttpRequest, public_id: str) -> HttpResponse:
    """Both rows field by field, what each comparison contributed, and the decision."""
    actor = _actor(request)
    row = get_object_or_404(
        MatchPair.objects.visible_to(actor).select_related(*ENDS, "decided_by", "decided_for"),
        public_id=public_id,
    )
    step = request.POST.get("step", "") if request.method == "POST" else ""
    choices = [
        (str(r.public_id), f"{r.name} ({shown_source(r.source, actor)})") for r in (row.a, row.b)
    ]
    initial = {"survivor": str(deciding.better_of(row).public_id)}
    same = SameForm(
        request.POST if step == "same" else None, choices=choices, initial=initial, prefix="same"
    )
    different = DifferentForm(request.POST if step == "different" else None)
    if step:
        done = _decide(actor, row, step, same, different)
        if done:
            messages.success(request, done)
            if step == "again":
                return redirect("targets:pair", public_id=public_id)
            return _next(actor, row)
    context = {
        "pair": row, "same": same, "form": different, "fields": side_by_side(row, actor),
        "evidence": evidence_rows(row), "probability": percent(row.probability),
        "a_url": _url(row.a), "b_url": _url(row.b), "later_days": deciding.LATER_DAYS,
        "merge": row.merges.filter(undone_at__isnull=True).first(),
    }  # fmt: skip
    status = 422 if same.errors or different.errors else 200
    return render(request, "targets/identity/pair.html", context, status=status)


def _decide(actor: Any, row: MatchPair, step: str, same: SameForm, different: DifferentForm) -> str:
    """Do what was asked; the words for the person, empty when a form has to be mended."""
    if step == "later":
        deciding.put_off(actor=actor, pair=row)
        return _("Put off for a week.")
    if step == "again":
        deciding.decide_again(actor=actor, pair=row)
        return _("It is to be decided again.")
    if step == "different" and different.is_valid():
        try:
            deciding.decide_different(actor=actor, pair=row, **different.cleaned_data)
        except DomainError as error:
            if error.field is None:
                raise
            add_error(different, error)
            return ""
        return _("Kept as two; they are not proposed again.")
    if step == "same" and same.is_valid():
        data = same.cleaned_data
        kept = row.a if data["survivor"] == str(row.a.public_id) else row.b
        deciding.decide_same(actor=actor, pair=row, survivor=kept, reason=data["why"])
        return _("Merged. It can be taken apart again on the page of %(name)s.") % {
            "name": kept.name
        }
    return ""


@acting(*DECIDERS)
def pairs_join(request: HttpRequest) -> HttpResponse:
    """Several ticked pairs at once: a page that names each, then each decided on its own."""
    actor = _actor(request)
    data = request.POST if request.method == "POST" else request.GET
    wanted = [value for value in data.getlist("id") if _is_uuid(value)][:JOINED_AT_ONCE]
    rows = list(
        in_state(MatchPair.objects.visible_to(actor), "waiting")
        .filter(public_id__in=wanted)
        .select_related(*ENDS)
        .order_by("-probability", "pk")
    )
    if request.method == "POST":
        return _join(request, rows)
    context = {
        "rows": [
            {"pair": r, "kept": deciding.better_of(r), "probability": percent(r.probability),
             "summary": summary(r)}
            for r in rows
        ],
        "submit": ngettext(
            "Merge %(count)s pair", "Merge %(count)s pairs", len(rows)
        ) % {"count": len(rows)},
    }  # fmt: skip
    return render(request, "targets/identity/join.html", context)


def _join(request: HttpRequest, rows: list[MatchPair]) -> HttpResponse:
    done, refused = 0, []
    for row in rows:
        try:
            deciding.decide_same(actor=_actor(request), pair=row)
        except DomainError as error:
            refused.append(f"{row}: {error.message}")
        else:
            done += 1
    if done:
        messages.success(
            request,
            ngettext("%(count)s pair was merged.", "%(count)s pairs were merged.", done)
            % {"count": done},
        )
    for words in refused:
        messages.warning(request, words)
    return redirect("targets:pair_list")


def _is_uuid(text: str) -> bool:
    import uuid

    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


@require_POST
@acting(*DECIDERS)
def compare(request: HttpRequest) -> HttpResponse:
    """Compare all sites or all companies now."""
    kind = request.POST.get("kind", "")
    if kind not in Kind.values:
        raise Http404
    try:
        linkage.start_run(actor=_actor(request), kind=kind, full="changed" not in request.POST)
    except DomainError as error:
        messages.warning(request, str(error.message))
    else:
        messages.success(request, _("The registers are compared in the background."))
    return redirect("targets:pair_list")


# ----------------------------------------------------------------------------- of one target
@require_GET
@acting(*DECIDERS)
def site_identity(request: HttpRequest, public_id: str) -> HttpResponse:
    return _identity(request, Site, public_id)


@require_GET
@acting(*DECIDERS)
def company_identity(request: HttpRequest, public_id: str) -> HttpResponse:
    return _identity(request, Company, public_id)


def _identity(request: HttpRequest, model: type[Any], public_id: str) -> HttpResponse:
    """What was merged into a row and taken out again, and the pairs that still wait."""
    actor = _actor(request)
    row = get_object_or_404(model.objects.visible_to(actor), public_id=public_id)
    kind = "site" if model is Site else "company"
    merges = (
        Merge.objects.visible_to(actor)
        .of(row)
        .select_related(f"{kind}_loser", f"{kind}_survivor", "made_by", "authority", "undone_by")
        .order_by("-made_at", "-pk")
    )
    pairs = in_state(MatchPair.objects.visible_to(actor), "waiting").select_related(
        f"{kind}_a", f"{kind}_b"
    )
    waiting = pairs.filter(**{f"{kind}_a": row}) | pairs.filter(**{f"{kind}_b": row})
    context = {
        "row": row, "url": _url(row), "merges": merges,
        "pairs": [
            {"pair": p, "other": p.b if p.a.pk == row.pk else p.a,
             "probability": percent(p.probability)}
            for p in waiting.order_by("-probability", "pk")[:20]
        ],
    }  # fmt: skip
    return render(request, "targets/identity/target.html", context)


@acting(*DECIDERS)
def unmerge(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take a merge apart: what goes back, and why."""
    actor = _actor(request)
    row = get_object_or_404(
        Merge.objects.visible_to(actor)
        .filter(undone_at__isnull=True)
        .select_related(
            "site_loser", "site_survivor", "company_loser", "company_survivor", "made_by"
        ),
        public_id=public_id,
    )
    form = UnmergeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            merging.unmerge(actor=actor, row=row, reason=form.cleaned_data["reason"])
        except DomainError as error:
            if error.field is None:
                raise
            add_error(form, error)
        else:
            messages.success(request, _("They are two again."))
            return redirect(_url(row.loser))
    names = {"loser": row.loser.name, "survivor": row.survivor.name}
    context = {
        "title": _("Take apart %(loser)s and %(survivor)s") % names,
        "submit_label": _("Make two of them again"), "back_url": _url(row.survivor),
        "consequences": [
            _("%(loser)s is a row of its own again.") % names,
            _("What the merge moved to %(survivor)s goes back to it, whosever it is.") % names,
            _("What came to %(survivor)s later stays there.") % names,
        ],
    }  # fmt: skip
    return form_response(request, "ui/confirm.html", context, form)


# ------------------------------------------------------------------------------------- hints
def hints_of(actor: Any, company: Company) -> list[dict[str, Any]]:
    """Successor hints of a company in words, for its page. Two queries."""
    rows = list(
        SuccessorHint.objects.filter(old=company, new__merged_into__isnull=True)
        .select_related("old", "new", "decided_by")
        .order_by("state", "-started_on", "pk")[:10]
    ) + list(
        SuccessorHint.objects.filter(new=company, old__merged_into__isnull=True)
        .select_related("old", "new", "decided_by")
        .order_by("state", "-ended_on", "pk")[:10]
    )
    named = {e["site"] for hint in rows for e in hint.evidence if "site" in e}
    sites = {s.pk: s for s in Site.objects.visible_to(actor).filter(pk__in=named)} if named else {}
    return [
        {
            "hint": hint,
            "other": hint.new if hint.old_id == company.pk else hint.old,
            "is_old": hint.old_id == company.pk,
            "evidence": _hint_words(hint, sites),
            "may_decide": actor.has_role(*DECIDERS),
        }
        for hint in rows
    ]


def _hint_words(hint: SuccessorHint, sites: dict[int, Site]) -> list[dict[str, str]]:
    """Evidence in sentences; a site outside the reader's regions is not named."""
    words, persons = [], sum(e["what"] == "person" for e in hint.evidence)
    for entry in hint.evidence:
        site = sites.get(entry.get("site", 0))
        name = site.shown_name if site else _("a site outside your regions")
        if entry["what"] == "site":
            words.append(_("Both have run %(name)s.") % {"name": name})
        elif entry["what"] == "uses":
            words.append(_("Both have used %(name)s.") % {"name": name})
        elif entry["what"] == "address":
            words.append(_("Both have the address %(text)s.") % {"text": entry["text"].title()})
        elif entry["what"] == "phone":
            words.append(_("Both have the same phone number."))
        elif entry["what"] == "website":
            words.append(_("Both have the home page %(text)s.") % {"text": entry["text"]})
        elif entry["what"] == "name":
            words.append(_("Their names are alike."))
    if persons:
        words.append(
            ngettext(
                "%(count)s person has a role in both.",
                "%(count)s persons have roles in both.",
                persons,
            )
            % {"count": persons}
        )
    days = (hint.started_on - hint.ended_on).days if hint.started_on and hint.ended_on else None
    if days is not None:
        words.append(_days_words(days))
    return [{"words": text} for text in words]


def _days_words(days: int) -> str:
    if days < 0:
        return ngettext(
            "The other was registered %(count)s day before the end.",
            "The other was registered %(count)s days before the end.",
            -days,
        ) % {"count": -days}
    return ngettext(
        "The other was registered %(count)s day after the end.",
        "The other was registered %(count)s days after the end.",
        days,
    ) % {"count": days}


@acting(*DECIDERS)
def hint(request: HttpRequest, public_id: str) -> HttpResponse:
    """Confirm that one company goes on after another, or dismiss it with a reason."""
    actor = _actor(request)
    row = get_object_or_404(
        SuccessorHint.objects.filter(
            old__merged_into__isnull=True, new__merged_into__isnull=True
        ).select_related("old", "new", "decided_by"),
        public_id=public_id,
    )
    form = HintForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        confirm = request.POST.get("step") == "confirm"
        try:
            successors.decide_hint(
                actor=actor, hint=row, confirm=confirm, reason=form.cleaned_data["reason"]
            )
        except DomainError as error:
            if error.field is None:
                raise
            add_error(form, error)
        else:
            messages.success(request, _("The decision was kept."))
            return redirect("targets:company_detail", public_id=row.old.public_id)
    shown = next((h for h in hints_of(actor, row.old) if h["hint"].pk == row.pk), None)
    context = {"hint": row, "shown": shown, "today": timezone.localdate()}
    return form_response(request, "targets/identity/hint.html", context, form)
