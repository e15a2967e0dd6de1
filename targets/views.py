"""Pages of the register: sites, companies, imports."""

import csv
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from audit.errors import RuleViolation
from audit.selectors import timeline
from authorities.access import acting
from authorities.purposes import case_token, purpose_of
from targets.forms import ImportForm
from targets.identity_views import hints_of, kept_instead
from targets.lists import CompanyList, ImportList, SiteList
from targets.models import DECIDERS, Company, ImportMapping, ImportRun, Site
from targets.scoring import register_name, scorer
from targets.selectors import (
    datasets_about,
    shown_date,
    signals_about,
    site_facts,
    visits_of,
)
from targets.services.handovers import earlier_refusals
from targets.services.imports.messages import row_message
from targets.services.uploads import IMPORTERS, start_upload
from ui.exports import safe_text
from ui.forms import add_error, form_response

site_list = require_GET(acting()(SiteList.as_view()))
company_list = require_GET(acting()(CompanyList.as_view()))
import_list = require_GET(acting(*IMPORTERS)(ImportList.as_view()))


@require_GET
@acting()
def site_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    rows = Site.objects.visible_to(actor).select_related(
        "company", "industry__edition", "municipality", "region"
    )
    site = rows.filter(public_id=public_id).first()
    if site is None:
        return kept_instead(request, Site, public_id)
    open_ = purpose_of(actor, site) is not None
    context = {
        "site": site,
        "facts": site_facts(site),
        "card": scorer().score([site], timezone.localdate())[site.pk],
        "open": open_,
        "case_token": case_token(site),
        "signals": signals_about(actor, site=site) if open_ else [],
        "refusals": earlier_refusals(actor, site=site) if open_ else [],
        "visits": visits_of(site, actor) if open_ else [],
        "identifiers": site.company.identifiers.order_by("scheme", "value") if site.company else [],
        "operators": site.operators.select_related("company").order_by("valid_from", "id"),
        "timeline": timeline(site, actor) if open_ else [],
        "may_decide": actor.has_role(*DECIDERS),
        "visible_to": _("everybody who uses Tarkka (register data)"),
        "tabs": [],
    }
    return render(request, "targets/site.html", context)


@require_GET
@acting()
def company_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    rows = Company.objects.visible_to(actor).select_related("industry", "municipality")
    company = rows.filter(public_id=public_id).first()
    if company is None:
        return kept_instead(request, Company, public_id)
    registrations = [
        {"register": register_name(r.register), "row": r}
        for r in company.registrations.order_by("register", "valid_from", "id")
    ]
    facts = [
        {"label": _("Business ID"), "value": company.business_id},
        {"label": _("Industry"), "value": str(company.industry) if company.industry else ""},
        {"label": _("State"), "value": company.get_status_display()},
        {"label": _("Address"), "value": ", ".join(
            p for p in (company.address, company.postal_code,
                        company.municipality.name if company.municipality else "") if p)},
        {"label": _("Registered"), "value": shown_date(company.registered_on)},
        {"label": _("Ended"), "value": shown_date(company.ended_on)},
        {"label": _("Register"), "value": company.source},
    ]  # fmt: skip
    open_ = purpose_of(actor, company) is not None
    context = {
        "company": company,
        "facts": facts,
        "open": open_,
        "case_token": case_token(company),
        "signals": signals_about(actor, company=company) if open_ else [],
        "refusals": earlier_refusals(actor, company=company) if open_ else [],
        "sets": datasets_about(actor, company) if open_ else [],
        "names": company.names.order_by("kind", "valid_from", "id"),
        "registrations": registrations,
        "identifiers": company.identifiers.order_by("scheme", "value"),
        "hints": hints_of(actor, company),
        "may_decide": actor.has_role(*DECIDERS),
        "sites": Site.objects.visible_to(actor)
        .filter(company=company)
        .select_related("municipality")
        .order_by("name", "id")[:100],
        "visible_to": _("everybody who uses Tarkka (register data)"),
        "tabs": [],
    }
    return render(request, "targets/company.html", context)


@acting(*IMPORTERS)
def import_create(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    mappings = [
        (m.code, f"{m.name} ({m.get_kind_display()})")
        for m in ImportMapping.objects.order_by("kind", "name")
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
        "intro": _("A bad row never stops a file: refused rows are listed with the reason. The "
                   "same file can be read again without doubling."),
        "back_url": reverse("targets:import_list"), "back_label": _("Imports"),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


def _refusals(run: ImportRun) -> QuerySet[Any]:
    return run.refusals.order_by("line", "id")


@require_GET
@acting(*IMPORTERS)
def import_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    run = get_object_or_404(
        ImportRun.objects.visible_to(actor).select_related("authority", "started_by"),
        public_id=public_id,
    )
    pages = Paginator(_refusals(run), 100)
    pages.count = run.refused_count  # known; not counted anew at every look
    page = pages.get_page(request.GET.get("page"))
    context = {
        "run": run,
        "refusals": [{"row": r, "reason": row_message(r.code)} for r in page],
        "pages": page,
        "facts": [
            {"label": _("Format"), "value": run.format},
            {"label": _("Owner"), "value": run.authority.name},
            {"label": _("Started by"), "value": run.started_by.full_name if run.started_by else ""},
            {"label": _("Started"), "value": date_format(
                timezone.localtime(run.created_at), "SHORT_DATETIME_FORMAT")},
        ],
        "tabs": [],
        "visible_to": run.authority.name,
    }  # fmt: skip
    partial = request.headers.get("HX-Request") == "true"
    template = "targets/import_state.html" if partial else "targets/import.html"
    return render(request, template, context)


@require_GET
@acting(*IMPORTERS)
def import_refusals(request: HttpRequest, public_id: str) -> HttpResponse:
    """Refused rows as CSV, to mend in the source."""
    actor = request.actor  # type: ignore[attr-defined]
    run = get_object_or_404(ImportRun.objects.visible_to(actor), public_id=public_id)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="refused-rows.csv"'
    response.write("\ufeff")
    writer = csv.writer(response, delimiter=";")
    writer.writerow([_("Line"), _("Field"), _("Reason"), _("Value")])
    for row in _refusals(run).iterator():
        writer.writerow(
            [row.line, safe_text(row.field), row_message(row.code), safe_text(row.value)]
        )
    return response
