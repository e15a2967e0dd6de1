from pathlib import Path
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from targets.models import ImportKind
from ui.forms import DateInput

MAX_UPLOAD = 200 * 1024 * 1024
ENDINGS = {".csv", ".txt", ".json", ".zip", ".parquet", ".xlsx"}


class ImportForm(forms.Form):
    kind = forms.ChoiceField(
        label=gettext_lazy("What the file holds"),
        choices=ImportKind.choices,
        widget=forms.RadioSelect,
    )
    format = forms.ChoiceField(label=gettext_lazy("Format"))
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV, XLSX, JSON, a zip of JSON, or Parquet; 200 MB at most."),
    )
    rehearse = forms.BooleanField(
        label=gettext_lazy("Rehearse first: show what would change and store nothing yet"),
        required=False,
        initial=True,
    )
    full_list = forms.BooleanField(
        label=gettext_lazy("This is the full list: what it leaves out has ended"),
        help_text=gettext_lazy(
            "For facts and licences. Never tick it for a part of a list: what the part leaves out "
            "would end on the day the list was received."
        ),
        required=False,
    )
    shared = forms.BooleanField(
        label=gettext_lazy("Other authorities may see these visits or facts"), required=False
    )
    legal_basis = forms.CharField(
        label=gettext_lazy("Why the data may be held"),
        help_text=gettext_lazy(
            "Act and section. Asked for facts that are not an open register's, also when they "
            "stand on a list of sites."
        ),
        max_length=200,
        required=False,
    )
    purpose = forms.CharField(label=gettext_lazy("What for"), max_length=300, required=False)
    received_on = forms.DateField(
        label=gettext_lazy("Received on"), widget=DateInput, required=False
    )
    delete_on = forms.DateField(
        label=gettext_lazy("To be deleted on"), widget=DateInput, required=False
    )

    def __init__(self, *args: Any, mappings: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["format"].choices = [  # type: ignore[attr-defined]
            ("prh-v3", _("Company register, JSON version 3")),
            ("prh-v1", _("Company register, older JSON (version 1)")),
            *mappings,
        ]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        ending = Path(file.name).suffix.lower()
        if ending not in ENDINGS:
            raise forms.ValidationError(
                _(
                    "A file ending in %(ending)s cannot be read. Use CSV, XLSX, JSON, zip or Parquet."
                )
                % {"ending": ending or "–"}
            )
        if file.size > MAX_UPLOAD:
            raise forms.ValidationError(_("The file is larger than 200 MB. Use the command line."))
        return file

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        received, delete = data.get("received_on"), data.get("delete_on")
        if received and delete and delete < received:
            self.add_error("delete_on", _("The last day is before the day it was received."))
        return data
