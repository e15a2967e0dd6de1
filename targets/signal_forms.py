"""Forms for signals, sharing and data sets."""

import uuid
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authorities import gateway, terms
from authorities.models import Authority, GroundVersion, TermKind
from targets.models import (
    About,
    Accuracy,
    Classification,
    Company,
    Indicator,
    RefusalClass,
    Reliability,
    RetentionClass,
    Seen,
    Site,
    SourceType,
)
from targets.search import find
from ui.forms import DateInput

if TYPE_CHECKING:
    from authorities.actors import Actor

SHOWN = 10


def _choice(form: forms.Form, name: str) -> forms.ChoiceField:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    return field


class TargetMixin(forms.Form):
    """A site or company by business id or name; several that match are offered to choose from."""

    target = forms.CharField(
        label=gettext_lazy("Site or company"), required=False, max_length=300,
        help_text=gettext_lazy("A business ID, or a name or a part of it."),
    )  # fmt: skip
    pick = forms.ChoiceField(
        label=gettext_lazy("Which one"), required=False, widget=forms.RadioSelect
    )

    def find_target(self, actor: "Actor", about: str) -> Site | Company | None:
        """The one target meant; puts an error at the field when there is none or a choice."""
        picked = self.data.get("pick", "")
        kind, _colon, raw = picked.partition(":")
        if kind == about and raw:
            found = self._by_id(actor, kind, raw)
            if found is not None:
                return found
        text = self.cleaned_data.get("target", "").strip()
        if not text:
            self.add_error("target", _("Write which one it is."))
            return None
        rows = self._matching(actor, about, text)
        if len(rows) == 1:
            return rows[0]
        if not rows:
            self.add_error("target", _("Nothing in the register matches. Check the spelling."))
            return None
        _choice(self, "pick").choices = [
            (f"{about}:{row.public_id}", self._words(row)) for row in rows[:SHOWN]
        ]
        self.add_error("pick", _("Several match: choose one, or write more of the name."))
        return None

    @staticmethod
    def _by_id(actor: "Actor", kind: str, raw: str) -> Site | Company | None:
        try:
            public_id = uuid.UUID(raw)
        except ValueError:
            return None
        if kind == About.SITE:
            return Site.objects.visible_to(actor).filter(public_id=public_id).first()
        return Company.objects.visible_to(actor).filter(public_id=public_id).first()

    @staticmethod
    def _matching(actor: "Actor", about: str, text: str) -> list[Any]:
        side = "c"
        rows: QuerySet[Any] = Company.objects.visible_to(actor).select_related("municipality")
        if about == About.SITE:
            side = "s"
            rows = Site.objects.visible_to(actor).select_related("municipality", "company")
        found = rows.in_bulk([hit.pk for hit in find(actor, side, text, SHOWN + 1, guess=False)])
        return sorted(found.values(), key=lambda row: (row.name, row.pk))

    @staticmethod
    def _words(row: Any) -> str:
        place = row.municipality.name if row.municipality else ""
        number = getattr(row, "business_id", "") or ""
        return ", ".join(part for part in (str(row), number, row.address, place) if part)


class SignalForm(TargetMixin):
    about = forms.ChoiceField(
        label=gettext_lazy("What it is about"), choices=About.choices, widget=forms.RadioSelect
    )
    topic = forms.CharField(
        label=gettext_lazy("Role or phenomenon"), required=False, max_length=200,
        help_text=gettext_lazy("Only for these two. Name nobody."),
    )  # fmt: skip
    kind = forms.ChoiceField(label=gettext_lazy("Kind of information"))
    text = forms.CharField(
        label=gettext_lazy("What was seen or heard"), widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy("Facts, no names and no personal identity codes."),
    )  # fmt: skip
    observed_on = forms.DateField(label=gettext_lazy("When"), widget=DateInput())
    purpose = forms.CharField(
        label=gettext_lazy("What it is kept for"), max_length=300,
        help_text=gettext_lazy("The supervision task it serves."),
    )  # fmt: skip
    source_type = forms.ChoiceField(label=gettext_lazy("Source"), choices=SourceType.choices)
    reliability = forms.ChoiceField(
        label=gettext_lazy("How reliable the source is"), choices=Reliability.choices
    )
    accuracy = forms.ChoiceField(
        label=gettext_lazy("How sure the information is"), choices=Accuracy.choices
    )
    classification = forms.ChoiceField(
        label=gettext_lazy("Classification"), choices=Classification.choices
    )
    retention = forms.ModelChoiceField(
        label=gettext_lazy("How long it is kept"), queryset=RetentionClass.objects.none(),
        empty_label=None,
    )  # fmt: skip
    client_id = forms.UUIDField(widget=forms.HiddenInput, required=False)
    field_order = [
        "about", "target", "pick", "topic", "kind", "text", "observed_on", "purpose",
        "source_type", "reliability", "accuracy", "classification", "retention",
    ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # None is chosen beforehand: a wrong kind would ask the gateway the wrong question.
        _choice(self, "kind").choices = terms.choices(TermKind.INFORMATION, _("Choose"))
        retention = self.fields["retention"]
        assert isinstance(retention, forms.ModelChoiceField)
        retention.queryset = RetentionClass.objects.order_by("days")
        self.indicators = list(Indicator.objects.order_by("order"))
        for indicator in self.indicators:
            self.fields[f"indicator_{indicator.code}"] = forms.ChoiceField(
                label=indicator.name, choices=Seen.choices, required=False,
                initial=Seen.NOT_CHECKED,
            )  # fmt: skip

    @staticmethod
    def starting(**values: Any) -> dict[str, Any]:
        """Sensible defaults, so that only what is particular has to be typed."""
        return {
            "about": About.SITE, "observed_on": timezone.localdate(),
            "source_type": SourceType.OBSERVATION, "reliability": Reliability.B,
            "accuracy": Accuracy.POSSIBLE, "classification": Classification.CONFIDENTIAL,
            "retention": RetentionClass.objects.filter(code="normal").first(),
            "client_id": uuid.uuid4(),
        } | values  # fmt: skip

    def main_fields(self) -> list[Any]:
        """Bound fields but those of the indicators."""
        return [f for f in self if not f.name.startswith("indicator_") and not f.is_hidden]

    def indicator_fields(self) -> list[Any]:
        return [f for f in self if f.name.startswith("indicator_")]

    def answers(self) -> dict[str, str]:
        return {
            i.code: self.cleaned_data.get(f"indicator_{i.code}") or Seen.NOT_CHECKED
            for i in self.indicators
        }


class GroundChoiceForm(forms.Form):
    """On which ground an item is given, with every condition to be ticked."""

    ground = forms.ChoiceField(label=gettext_lazy("Ground"), widget=forms.RadioSelect)
    confirmed = forms.MultipleChoiceField(
        label=gettext_lazy("I confirm"), required=False, widget=forms.CheckboxSelectMultiple
    )
    purpose = forms.CharField(label=gettext_lazy("What it is given for"), max_length=300)

    def __init__(self, *args: Any, grounds: list[GroundVersion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.grounds = {str(version.pk): version for version in grounds}
        _choice(self, "ground").choices = [
            (key, f"{v.ground.code} · {v.basis_words}: {v.text}") for key, v in self.grounds.items()
        ]
        words = terms.labels(TermKind.REQUIRES)
        needed = {code for version in grounds for code in version.requires}
        _choice(self, "confirmed").choices = [(c, w) for c, w in words.items() if c in needed]
        # Not "optional" where every ground has conditions; which of them, the service says.
        self.fields["confirmed"].required = bool(grounds) and all(v.requires for v in grounds)
        if len(self.grounds) == 1:
            self.initial.setdefault("ground", next(iter(self.grounds)))

    @property
    def chosen(self) -> GroundVersion:
        return self.grounds[self.cleaned_data["ground"]]


class DiscloseForm(GroundChoiceForm):
    expires_on = forms.DateField(
        label=gettext_lazy("Last day"), required=False, widget=DateInput(),
        help_text=gettext_lazy("At most as long as the item itself is kept."),
    )  # fmt: skip
    may_pass_on = forms.BooleanField(
        label=gettext_lazy("The receiver may pass it on where a ground allows"), required=False
    )


class HandOverForm(GroundChoiceForm):
    deadline = forms.DateField(label=gettext_lazy("Answer by"), widget=DateInput())
    message = forms.CharField(
        label=gettext_lazy("Message"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


class RequestForm(TargetMixin):
    about = forms.ChoiceField(
        label=gettext_lazy("What it is about"), widget=forms.RadioSelect,
        choices=[(About.COMPANY, About.COMPANY.label), (About.SITE, About.SITE.label)],
    )  # fmt: skip
    holder = forms.ChoiceField(label=gettext_lazy("Who has the information"))
    kind = forms.ChoiceField(label=gettext_lazy("Kind of information"))
    purpose = forms.CharField(label=gettext_lazy("What it is needed for"), max_length=300)
    necessity = forms.CharField(
        label=gettext_lazy("Why it is necessary"), widget=forms.Textarea(attrs={"rows": 3})
    )
    deadline = forms.DateField(label=gettext_lazy("Answer by"), widget=DateInput())
    field_order = ["holder", "kind", "about", "target", "pick", "purpose", "necessity", "deadline"]

    def __init__(self, *args: Any, actor: "Actor", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = [
            (a.code, a.name)
            for a in Authority.objects.valid_on().order_by("code")
            if a.pk != actor.authority.pk
        ]
        _choice(self, "holder").choices = sorted(rows, key=itemgetter(1))
        _choice(self, "kind").choices = terms.choices(TermKind.INFORMATION)


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}))


class RefuseForm(ReasonForm):
    reason_class = forms.ChoiceField(
        label=gettext_lazy("Kind of reason"), choices=RefusalClass.choices
    )
    field_order = ["reason_class", "reason"]


class FileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"), help_text=gettext_lazy("PDF, picture or text; 20 MB at most.")
    )


class DatasetForm(forms.Form):
    title = forms.CharField(label=gettext_lazy("Name of the data set"), max_length=200)
    kind = forms.ChoiceField(label=gettext_lazy("Kind of information"))
    ground = forms.ChoiceField(label=gettext_lazy("Ground on which it is held"))
    purpose = forms.CharField(label=gettext_lazy("What it is for"), max_length=300)
    recipients = forms.MultipleChoiceField(
        label=gettext_lazy("Recipients"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Who else may get it, each on a ground. None: own use only."),
    )  # fmt: skip
    expires_on = forms.DateField(
        label=gettext_lazy("Last day"), widget=DateInput(),
        help_text=gettext_lazy("Erased with a proof after this day."),
    )  # fmt: skip

    def __init__(self, *args: Any, actor: "Actor", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choice(self, "kind").choices = terms.choices(TermKind.INFORMATION)
        others = Authority.objects.valid_on().exclude(pk=actor.authority.pk).order_by("code")
        _choice(self, "recipients").choices = sorted(
            ((a.code, a.name) for a in others), key=itemgetter(1)
        )
        register = gateway.register_on(timezone.localdate())
        self.grounds = {
            str(v.pk): v
            for v in register.versions
            if v.mode == "mass_data"
            and register.names([*v.givers, *v.receivers], actor.authority.code)
        }
        _choice(self, "ground").choices = [
            (key, f"{v.ground.code} · {v.basis_words}: {v.text}") for key, v in self.grounds.items()
        ]


class DatasetFileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"), help_text=gettext_lazy("CSV, XLSX or JSON lines.")
    )
    mapping = forms.ChoiceField(label=gettext_lazy("Saved mapping"), required=False)
    business_id_column = forms.CharField(
        label=gettext_lazy("Column with the business ID"), max_length=120, required=False
    )
    keep = forms.CharField(
        label=gettext_lazy("Columns to keep"), required=False,
        help_text=gettext_lazy("Separated by commas. None: all. Keep what targeting needs."),
    )  # fmt: skip
    save_as = forms.CharField(
        label=gettext_lazy("Save the mapping as"), required=False, max_length=120
    )

    def __init__(self, *args: Any, mappings: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mappings = {str(m.pk): m for m in mappings}
        _choice(self, "mapping").choices = [
            ("", "–"),
            *((k, m.name) for k, m in self.mappings.items()),
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        mapping = self.mappings.get(data.get("mapping", ""))
        if mapping is not None:
            data["business_id_column"] = data.get("business_id_column") or mapping.business_id
            data["keep"] = data.get("keep") or ", ".join(mapping.keep)
        if not data.get("business_id_column"):
            self.add_error("business_id_column", _("Name the column, or choose a saved mapping."))
        data["keep"] = [part.strip() for part in data.get("keep", "").split(",") if part.strip()]
        return data


class RecusalForm(TargetMixin):
    about = forms.ChoiceField(
        label=gettext_lazy("What it is about"), widget=forms.RadioSelect,
        choices=[(About.COMPANY, About.COMPANY.label), (About.SITE, About.SITE.label)],
    )  # fmt: skip
    person = forms.ChoiceField(label=gettext_lazy("Who is kept away"))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=300)
    field_order = ["person", "about", "target", "pick", "reason"]

    def __init__(self, *args: Any, people: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choice(self, "person").choices = people
