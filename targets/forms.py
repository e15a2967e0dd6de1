from pathlib import Path
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from targets.services.imports.run import REGISTER_FORMAT

MAX_UPLOAD = 200 * 1024 * 1024
ENDINGS = {".csv", ".txt", ".json", ".zip", ".parquet"}


class ImportForm(forms.Form):
    kind = forms.ChoiceField(
        label=gettext_lazy("What the file holds"),
        choices=[("sites", gettext_lazy("sites")), ("visits", gettext_lazy("visits"))],
        widget=forms.RadioSelect,
    )
    format = forms.ChoiceField(label=gettext_lazy("Format"))
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV, JSON, a zip of JSON, or Parquet; 200 MB at most."),
    )
    shared = forms.BooleanField(
        label=gettext_lazy("Other authorities may see these visits"), required=False
    )

    def __init__(self, *args: Any, mappings: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["format"].choices = [  # type: ignore[attr-defined]
            (REGISTER_FORMAT, _("Company register, JSON version 3")), *mappings,
        ]  # fmt: skip

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        ending = Path(file.name).suffix.lower()
        if ending not in ENDINGS:
            raise forms.ValidationError(
                _("A file ending in %(ending)s cannot be read. Use CSV, JSON, zip or Parquet.")
                % {"ending": ending or "–"}
            )
        if file.size > MAX_UPLOAD:
            raise forms.ValidationError(_("The file is larger than 200 MB. Use the command line."))
        return file
