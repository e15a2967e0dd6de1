"""Proposals: the lottery, asking for a run, watching it, its proof, and questions about it."""

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError
from authorities.access import acting
from planning import answers
from planning.candidates import current_plan, kept_away
from planning.draw_words import draws_words
from planning.models import DrawState, Operation, RunKind, SelectionRun, SolverState
from planning.optimise import lottery as method
from planning.permissions import may_select
from planning.price_table import price_table
from planning.run_words import (
    change_words,
    frontier_chart,
    plan_facts,
    quota_words,
    run_difference,
    shortfall_facts,
    take_words,
    whose_days,
)
from planning.selection_forms import WhatIfForm
from planning.selectors import draw_of
from planning.services import lottery
from planning.services.inputs import quota_key, settings_of
from planning.services.runs import OPEN, ask_run, cancel_run
from planning.views.base import attempt, fetch, frame, open_selection
from targets.models import Site
from ui.forms import add_error

SHOWN = 200  # visits of a plan on one page


def _may(request: HttpRequest, operation: Operation) -> bool:
    actor = request.actor  # type: ignore[attr-defined]
    return operation.state == "selecting" and may_select(actor, operation)


@acting()
def runs(request: HttpRequest, public_id: str) -> HttpResponse:
    """The random share, and every run of the operation, newest first; POST asks for a proposal."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = open_selection(request, public_id)
    if request.method == "POST":
        try:
            run = ask_run(actor=actor, operation=operation)
        except DomainError as error:
            messages.error(request, str(error))
        else:
            return redirect("planning:run", public_id=run.public_id)
    context = frame(request, operation, "runs")
    draw, chosen = draw_of(operation), settings_of(operation)
    context |= {
        "draw": draw,
        "no_draw": chosen.no_draw,
        "draws_words": draws_words(draw) if draw else "",
        "nothing_drawn": not chosen.random_share
        and (draw is None or draw.state == DrawState.COMMITTED),
        "undrawn": lottery.undrawn(operation),
        "too_late": lottery.too_late(operation),
        "drawn": draw.sites.select_related("site").order_by("pk") if draw else [],
        "runs": operation.runs.select_related("asked_by", "asked_for")[:50],
        "may": _may(request, operation),
        "seed": bytes(draw.seed).hex() if draw and draw.state == DrawState.REVEALED else "",
    }
    return render(request, "planning/runs.html", context)


@require_POST
@acting()
def draw_step(request: HttpRequest, public_id: str, step: str) -> HttpResponse:
    """Commit the seed, or draw."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = open_selection(request, public_id)
    steps = {"commit": (lottery.commit, _("The seed is committed: its hash is shown below.")),
             "draw": (lottery.draw, _("Drawn."))}  # fmt: skip
    if step not in steps:
        raise Http404
    service, done = steps[step]
    attempt(request, done, lambda: service(actor=actor, operation=operation))
    return redirect("planning:runs", public_id=public_id)


@require_GET
@acting()
def draw_frame(request: HttpRequest, public_id: str) -> HttpResponse:
    """What could be drawn, as the file whose hash was published."""
    operation = open_selection(request, public_id)
    if kept_away(request.actor, operation):  # type: ignore[attr-defined]
        raise Http404
    draw = draw_of(operation)
    if draw is None:
        raise Http404
    try:
        frozen = lottery.frame_of(draw)
    except DomainError:
        raise Http404 from None
    response = HttpResponse(method.published(frozen), content_type="application/json")
    response["Content-Disposition"] = (
        f'attachment; filename="{operation.number}-{draw.round}-frame.json"'
    )
    return response


def _run(request: HttpRequest, public_id: str) -> SelectionRun:
    actor = request.actor  # type: ignore[attr-defined]
    run: SelectionRun = get_object_or_404(
        SelectionRun.objects.visible_to(actor).defer("inputs", "result", "prices"),
        public_id=public_id,
    )
    run.operation = fetch(request, run.operation.public_id)
    return run


@acting()
def run(request: HttpRequest, public_id: str) -> HttpResponse:
    """One run: progress, proof, visits, answers; POST asks a question about it."""
    actor = request.actor  # type: ignore[attr-defined]
    row = _run(request, public_id)
    operation = row.operation
    plan = row.kind == RunKind.PLAN and row.state == SolverState.DONE
    form = None
    if plan and _may(request, operation):
        form = _form(request, row)
        asked = request.POST.get("kind", "")
        if request.method == "POST":
            new = _ask(request, actor, row, asked, form)
            if new is not None:
                return redirect("planning:run", public_id=new.public_id)
    context = frame(request, operation, "runs") | {
        "run": row, "open": row.state in OPEN, "form": form, "plan": plan,
        "may": _may(request, operation), "current": plan and current_plan(operation) == row,
    }  # fmt: skip
    if row.state == SolverState.INFEASIBLE:
        context["clash"] = answers.clash_words(row)
    if row.state == SolverState.DONE:
        context |= _found(row)
    status = 422 if form is not None and form.is_bound and form.errors else 200
    fragment = request.headers.get("HX-Request") and row.state in OPEN
    template = "planning/run_state.html" if fragment else "planning/run.html"
    return render(request, template, context, status=status)


def _ask(
    request: HttpRequest, actor: Any, row: SelectionRun, kind: str, form: WhatIfForm
) -> SelectionRun | None:
    change: dict[str, Any] = {}
    if kind == RunKind.WHAT_IF:
        if not form.is_valid():
            return None
        change = form.change()
    if kind == "take":
        kind, change = RunKind.WHAT_IF, {"take": request.POST.get("site", "")}
    try:
        return ask_run(
            actor=actor, operation=row.operation, kind=kind, change=change,
            based_on=SelectionRun.objects.get(pk=row.pk),
        )  # fmt: skip
    except DomainError as error:
        if form.is_bound:
            add_error(form, error)
        else:
            messages.error(request, str(error))
    return None


def _names(row: SelectionRun) -> dict[str, str]:
    """Shown names by public id, of the run's candidates."""
    ids = [site["id"] for site in (row.inputs or {})["sites"]]
    rows = Site.objects.filter(public_id__in=ids).order_by("pk")
    return {str(site.public_id): site.shown_name for site in rows}


def _form(request: HttpRequest, row: SelectionRun) -> WhatIfForm:
    asked = request.POST if request.POST.get("kind") == RunKind.WHAT_IF else None
    names = answers.Names(row)
    inputs = row.inputs or {}
    quotas = {quota_key(q): quota_words(q, names) for q in inputs.get("quotas", [])}
    return WhatIfForm(asked, names=_names(row), whose=whose_days(inputs, names), quotas=quotas)


def _found(row: SelectionRun) -> dict[str, Any]:
    """What a done run shows, by its kind."""
    names = answers.Names(row)
    result = row.result or {}
    found: dict[str, Any] = {"facts": plan_facts(row) + shortfall_facts(row, names)}
    if row.kind == RunKind.PLAN:
        proposals = row.proposals.select_related("site__municipality")
        found |= {
            "proposals": [
                {"row": p, "team": names.team_of(p.team), "week":
                 answers.week_words(p.week.isoformat()) if p.week else ""}
                for p in proposals[:SHOWN]
            ],
            "count": proposals.count(),
            "marginal": [_worth_of_a_day(m, names) for m in result["marginal"]],
            "by_weeks": names.periods != ["window"],
        }  # fmt: skip
        return found
    titles = _names(row)
    if result.get("difference"):
        found["difference"] = run_difference(result["difference"], names, titles)
    if row.kind == RunKind.WHAT_IF and "take" not in row.change:
        found["asked"] = change_words(row, names, titles)
    if "take" in result:
        found["take"] = take_words(row, result["take"], names, titles)
    if "points" in result:
        found["frontier"] = frontier_chart(result["points"])
    if "alternatives" in result:
        found["alternatives"] = [
            {"value": answers.number(a["value"]), "different": round(100 * a["different"]),
             "measures": a["measures"],
             "difference": run_difference(a["difference"], names, titles)}
            for a in result["alternatives"]
        ]  # fmt: skip
    return found


def _worth_of_a_day(one: dict[str, Any], names: answers.Names) -> dict[str, str]:
    """Of one pool: the highest price of a day, the first week that has it, and what is left over."""
    highest = max(one["prices"])
    return {
        "pool": names.pool(one["pool"]), "price": answers.price(highest),
        "week": names.period(one["prices"].index(highest)) if round(highest, answers.DIGITS) else "",
        "free": answers.days_words(sum(one["free"])),
    }  # fmt: skip


@require_POST
@acting()
def run_cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = _run(request, public_id)
    attempt(request, _("Cancelled."), lambda: cancel_run(actor=actor, run=row))
    return redirect("planning:run", public_id=public_id)


@require_GET
@acting()
def why(request: HttpRequest, public_id: str, site: str) -> HttpResponse:
    """Why a candidate is in the plan or not, with every number."""
    actor = request.actor  # type: ignore[attr-defined]
    row = _run(request, public_id)
    target = get_object_or_404(Site.objects.visible_to(actor), public_id=site)
    answer = answers.why(row, target)
    if answer is None:
        if row.kind != RunKind.PLAN or row.state != SolverState.DONE:
            raise Http404
        answer = answers.no_candidate()  # the board links here from candidates that came later
    context = frame(request, row.operation, "runs") | {
        "run": row, "site": target, "answer": answer,
        "rows": answer.printed, "sum": answer.sum,
        "may_take": _may(request, row.operation)
        and answer.verdict not in ("chosen", "filled", "pinned", "unknown"),
    }  # fmt: skip
    template = (
        "planning/why_part.html" if request.headers.get("HX-Request") else "planning/why.html"
    )
    return render(request, template, context)


@require_GET
@acting()
def run_inputs(request: HttpRequest, public_id: str) -> HttpResponse:
    """The frozen inputs as the file whose hash stands in the decision record."""
    row = _run(request, public_id)
    if row.inputs is None or kept_away(request.actor, row.operation):  # type: ignore[attr-defined]
        raise Http404
    return _file(row, row.inputs, "inputs")


@require_GET
@acting()
def run_prices(request: HttpRequest, public_id: str) -> HttpResponse:
    """Every price of the plan: with the frozen inputs the bound can be reckoned from it again."""
    row = _run(request, public_id)
    if (
        row.state != SolverState.DONE or row.prices is None
        or kept_away(request.actor, row.operation)  # type: ignore[attr-defined]
    ):  # fmt: skip
        raise Http404
    return _file(row, price_table(row), "prices")


def _file(row: SelectionRun, content: dict[str, Any], name: str) -> HttpResponse:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    response = HttpResponse(text.encode(), content_type="application/json")
    file = f"{row.operation.number}-{row.number}-{name}.json"
    response["Content-Disposition"] = f'attachment; filename="{file}"'
    return response
