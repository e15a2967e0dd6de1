"""Forms of a meeting."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from planning.candidates import candidates
from planning.forms import AREA
from planning.models import Meeting, VoiceState
from planning.words import CODES


class OpenForm(forms.Form):
    quorum = forms.IntegerField(
        label=_("Authorities that must be present for a decision"), min_value=1, required=False,
        help_text=_("Empty: more than half of those that take part, the lead included."),
    )  # fmt: skip


class VoiceForm(forms.Form):
    state = forms.ChoiceField(
        label=_("Your authority"),
        choices=[(VoiceState.CONSENT, _("consents")), (VoiceState.VETO, _("vetoes"))],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=_("Reason"), widget=forms.Textarea(attrs=AREA), max_length=1000, required=False,
        help_text=_("Needed for a veto. Everybody in the meeting reads it."),
    )  # fmt: skip


class DecideForm(forms.Form):
    state = forms.ChoiceField(
        label=_("Decision"), choices=[("picked", _("Select")), ("dropped", _("Leave out"))],
        widget=forms.RadioSelect,
    )  # fmt: skip
    reason = forms.CharField(
        label=_("Reason"), widget=forms.Textarea(attrs=AREA), max_length=1000,
        help_text=_("Stands in the minutes and in the decision record."),
    )  # fmt: skip
    code = forms.ChoiceField(
        label=_("Kind of reason"), choices=[("", "—"), *CODES.items()], required=False
    )


class NoteForm(forms.Form):
    text = forms.CharField(
        label=_("Note for the minutes"), widget=forms.Textarea(attrs=AREA), max_length=2000
    )


class AddForm(forms.Form):
    """A candidate that is not on the agenda yet."""

    site = forms.ChoiceField(label=_("Site"))

    def __init__(self, *args: Any, meeting: Meeting, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        there = set(meeting.items.values_list("site_id", flat=True))
        self.by_id = {
            str(row.site.public_id): row.site
            for row in candidates(meeting.operation)
            if row.site.pk not in there
        }
        site = self.fields["site"]
        assert isinstance(site, forms.ChoiceField)
        site.choices = [(key, s.shown_name) for key, s in self.by_id.items()]
