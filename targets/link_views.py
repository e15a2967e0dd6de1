"""Pages on which links are written down and taken back."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from audit.errors import DomainError
from authorities.access import acting
from targets.links_page import SENTENCES, sites_of_company
from targets.models import LINK_ENDS, Company, Link, LinkKind, Site
from targets.services.links import OWN, WRITERS, add_link, remove_link
from targets.signal_forms import TargetMixin
from ui.forms import DateInput, add_error, form_response, own_path

if TYPE_CHECKING:
    from authorities.actors import Actor


class LinkForm(TargetMixin):
    """What holds between ``centre`` and another company or site."""

    link = forms.ChoiceField(label=gettext_lazy("What holds"))
    at_site = forms.ModelChoiceField(
        label=gettext_lazy("At which site"), required=False, queryset=Site.objects.none(),
        to_field_name="public_id", empty_label=gettext_lazy("Everywhere, or not known"),
        help_text=gettext_lazy(
            "For a contract or hired labour between two companies. Sites that the company runs or"
            " is linked to."
        ),
    )  # fmt: skip
    valid_from = forms.DateField(label=gettext_lazy("From"), required=False, widget=DateInput())
    valid_to = forms.DateField(label=gettext_lazy("Until"), required=False, widget=DateInput())
    note = forms.CharField(
        label=gettext_lazy("How it is known"), required=False, max_length=200,
        help_text=gettext_lazy("Name nobody."),
    )  # fmt: skip
    field_order = ("link", "target", "pick", "at_site", "valid_from", "valid_to", "note")

    def __init__(self, data: Any, *, actor: "Actor", centre: Site | Company) -> None:
        super().__init__(data)
        self.actor, self.centre = actor, centre
        mine = "site" if isinstance(centre, Site) else "company"
        choices = []
        for kind, ends in LINK_ENDS.items():
            for first, second in sorted(ends):
                if first == mine:
                    words = SENTENCES[kind] % {"first": centre, "second": "…"}
                    choices.append((f"{kind}:from:{second}", words))
                if second == mine:
                    words = SENTENCES[kind] % {"first": "…", "second": centre}
                    choices.append((f"{kind}:to:{first}", words))
        self.fields["link"].choices = choices  # type: ignore[attr-defined]
        if isinstance(centre, Company):
            self.fields["at_site"].queryset = sites_of_company(actor, centre)  # type: ignore[attr-defined]
        else:
            del self.fields["at_site"]
        picked = self.data.get("pick", "")
        # Taken as sent: ``find_target`` looks whether it is one that the actor may see.
        self.fields["pick"].choices = [(picked, picked)] if picked else []  # type: ignore[attr-defined]
        if not picked:
            self.fields["pick"].widget = forms.HiddenInput()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        _kind, _colon, rest = data.get("link", "").partition(":")
        about = rest.partition(":")[2]
        if about:
            data["other"] = self.find_target(self.actor, about)
            if "pick" in self.errors:
                self.fields["pick"].widget = forms.RadioSelect(choices=self.fields["pick"].choices)  # type: ignore[attr-defined]
        return data

    def ends(self) -> dict[str, Any]:
        """``kind``, ``first`` and ``second`` for the service."""
        kind, direction, _about = self.cleaned_data["link"].split(":")
        pair = (self.centre, self.cleaned_data["other"])
        first, second = pair if direction == "from" else pair[::-1]
        return {"kind": LinkKind(kind), "first": first, "second": second}


def _add(request: HttpRequest, centre: Site | Company, back: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    form = LinkForm(request.POST or None, actor=actor, centre=centre)
    if request.method == "POST" and form.is_valid():
        names = ("valid_from", "valid_to", "note", "at_site")
        values: dict[str, Any] = {name: form.cleaned_data.get(name) for name in names}
        try:
            add_link(actor=actor, **form.ends(), **values)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The link was written down."))
            return redirect(back)
    context = {
        "title": _("Add a link"), "back_url": back, "back_label": str(centre),
        "submit_label": _("Add the link"),
        "intro": _("Only your authority sees it. Links of public registers come by imports."),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@acting(*WRITERS)
def site_link(request: HttpRequest, public_id: str) -> HttpResponse:
    rows = Site.objects.visible_to(request.actor)  # type: ignore[attr-defined]
    site = get_object_or_404(rows, public_id=public_id, merged_into=None)
    return _add(request, site, reverse("targets:site_detail", args=[public_id]))


@acting(*WRITERS)
def company_link(request: HttpRequest, public_id: str) -> HttpResponse:
    rows = Company.objects.visible_to(request.actor)  # type: ignore[attr-defined]
    company = get_object_or_404(rows, public_id=public_id, merged_into=None)
    return _add(request, company, reverse("targets:company_detail", args=[public_id]))


@require_POST
@acting(*WRITERS)
def link_remove(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    mine = Link.objects.visible_to(actor).filter(authority=actor.authority, source=OWN)
    remove_link(actor=actor, link=get_object_or_404(mine, public_id=public_id))
    messages.success(request, _("The link was taken back."))
    return redirect(own_path(request.POST.get("path", "")))
