"""Pages for what is done to many sites of the list at once."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.errors import DomainError
from authorities.access import acting, require
from targets.lists import SiteList
from targets.models import Site, Tag
from targets.services.bulk import AT_ONCE, may_tag
from targets.services.bulk import tag_sites as put_tags
from ui.forms import add_error, form_response
from ui.lists import capped_count
from ui.services import whole_query


class Chosen:
    """The sites that a bulk form was sent with: ``id`` for each, or ``all`` and the list's ``query``."""

    def __init__(self, request: HttpRequest) -> None:
        data = request.POST if request.method == "POST" else request.GET
        self.actor = request.actor  # type: ignore[attr-defined]
        self.all = data.get("all") == "1"
        self.query = whole_query(data.get("query", ""))
        self.ids = [raw for raw in data.getlist("id") if is_uuid(raw)][:AT_ONCE]

    @property
    def back(self) -> str:
        return f"{reverse('targets:site_list')}?{self.query}"

    def sites(self) -> QuerySet[Site]:
        """Only what the actor sees now, whatever was on the page when it was ticked."""
        if not self.all:
            return Site.objects.visible_to(self.actor).filter(public_id__in=self.ids)
        page = SiteList(self.actor, QueryDict(self.query))
        filterset = page.filterset()
        assert filterset is not None
        rows = filterset.qs
        valid = not filterset.is_bound or filterset.form.is_valid()
        return Site.objects.filter(pk__in=rows.order_by().values("pk")) if valid else rows.none()

    def words(self) -> str:
        count = capped_count(self.sites(), AT_ONCE)
        shown = number_format(min(count, AT_ONCE), use_l10n=True, force_grouping=True)
        words = ngettext("%(count)s site chosen.", "%(count)s sites chosen.", count)
        return words % {"count": shown + ("+" if count > AT_ONCE else "")}

    def hidden(self) -> list[tuple[str, str]]:
        """What the next form has to carry on."""
        if self.all:
            return [("all", "1"), ("query", self.query)]
        return [("query", self.query), *(("id", raw) for raw in self.ids)]


def is_uuid(raw: str) -> bool:
    try:
        uuid.UUID(raw)
    except ValueError:
        return False
    return True


class TagForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Tag"), max_length=40,
        help_text=gettext_lazy("A word of your authority’s own; others never see it."),
    )  # fmt: skip
    remove = forms.BooleanField(label=gettext_lazy("Take this tag off instead"), required=False)


@acting()
def tag_sites(request: HttpRequest) -> HttpResponse:
    """Put a tag on the chosen sites, or take it off."""
    actor = request.actor  # type: ignore[attr-defined]
    require(may_tag(actor), _("Your role does not include tagging sites."))
    chosen = Chosen(request)
    if not chosen.ids and not chosen.all:
        messages.error(request, _("Tick at least one site first."))
        return redirect(chosen.back)
    form = TagForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            count = put_tags(actor=actor, sites=chosen.sites(), **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            words = ngettext("%(count)s site was changed.", "%(count)s sites were changed.", count)
            messages.success(request, words % {"count": count})
            return redirect(chosen.back)
    known = Tag.objects.visible_to(actor).order_by("name", "pk").values_list("name", flat=True)[:50]
    intro = chosen.words()
    if known:
        intro = f"{intro} {_('Tags in use: %(tags)s') % {'tags': ', '.join(known)}}"
    context: dict[str, Any] = {
        "title": _("Tag sites"), "submit_label": _("Save"), "intro": intro,
        "back_url": chosen.back, "back_label": _("Sites"), "hidden": chosen.hidden(),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)
