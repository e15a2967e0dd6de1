"""Forms of indicators, models and what is decided about them."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authorities.models import GroundState, GroundVersion
from risk import bins as bins_of
from risk import definition_fields
from risk.models import (
    Direction,
    Indicator,
    IndicatorVersion,
    Missing,
    ModelKind,
    Source,
    Visibility,
)
from risk.services import tested
from targets.models import VisitOutcome

if TYPE_CHECKING:
    from authorities.actors import Actor

LINES, MORE_LINES = 5, 4
SHAPES = [
    ("numbers", gettext_lazy("numbers: a line holds below its limit")),
    ("codes", gettext_lazy("codes: a line holds for the codes named in it")),
]


class BinsWidget(forms.Widget):
    """Lines of limit and points; plain inputs, so that they work by keyboard and without scripts."""

    template_name = "risk/bins_widget.html"
    use_fieldset = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[tuple[str, str]]:
        count = min(_whole(data.get(f"{name}-lines")) or LINES, bins_of.MOST_BINS)
        return [
            (str(data.get(f"{name}-{n}-limit", "")), str(data.get(f"{name}-{n}-points", "")))
            for n in range(count)
        ]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-lines" not in data

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        lines = list(value or [])
        lines += [("", "")] * (LINES - len(lines))
        context["widget"]["lines"] = [
            {"number": n + 1, "limit": limit, "points": points, "name": f"{name}-{n}",
             "id": f"id_{name}_{n}"}
            for n, (limit, points) in enumerate(lines)
        ]  # fmt: skip
        context["widget"]["count"] = len(lines)
        return context

    def id_for_label(self, id_: str) -> str:
        return f"{id_}_0"


class BinsField(forms.Field):
    """Lines as typed; the form makes bins of them, for it knows of what the limits are."""

    widget = BinsWidget

    def clean(self, value: Any) -> list[tuple[str, str]]:
        return [
            (limit.strip(), points.strip())
            for limit, points in value or []
            if limit.strip() or points.strip()
        ]


def lines_of(bins: bins_of.Bins) -> list[tuple[str, str]]:
    """Bins as lines to edit."""
    lines = []
    for row in bins:
        limit = row.get("below") if "below" in row else row.get("is")
        shown = ", ".join(limit) if isinstance(limit, list) else "" if limit is None else str(limit)
        lines.append((shown, str(row["points"])))
    return lines


def bins_from(lines: list[tuple[str, str]], codes: bool) -> bins_of.Bins:
    """Bins of typed lines; ValidationError that names the line."""
    bins: bins_of.Bins = []
    for place, (limit, raw_points) in enumerate(lines, start=1):
        points = bins_of.number(raw_points)
        if not isinstance(points, int):
            raise forms.ValidationError(
                _("Line %(number)s: the points are not a whole number.") % {"number": place}
            )
        if codes:
            named = [part.strip() for part in limit.split(",") if part.strip()]
            bins.append({"is": named or None, "points": points})
            continue
        below = bins_of.number(limit) if limit else None
        if limit and below is None:
            raise forms.ValidationError(
                _("Line %(number)s: the limit is not a number.") % {"number": place}
            )
        bins.append({"below": below, "points": points})
    return bins


def _whole(raw: Any) -> int:
    try:
        return max(0, int(raw))
    except (TypeError, ValueError):
        return 0


class IndicatorForm(forms.Form):
    """One indicator; the fields of the definition follow the source."""

    owner = forms.ChoiceField(
        label=gettext_lazy("Whose"), widget=forms.RadioSelect,
        help_text=gettext_lazy(
            "A shared one reads only what every authority may see, and every model may use it."
        ),
    )  # fmt: skip
    name_fi = forms.CharField(label=gettext_lazy("Name in Finnish"), max_length=200)
    name_sv = forms.CharField(label=gettext_lazy("Name in Swedish"), max_length=200, required=False)
    name_en = forms.CharField(label=gettext_lazy("Name in English"), max_length=200, required=False)
    sentence_fi = forms.CharField(
        label=gettext_lazy("Sentence in Finnish"), max_length=300, required=False,
        help_text=gettext_lazy("Plain words shown beside the points; {value} is where it stands."),
    )  # fmt: skip
    sentence_sv = forms.CharField(
        label=gettext_lazy("Sentence in Swedish"), max_length=300, required=False
    )
    sentence_en = forms.CharField(
        label=gettext_lazy("Sentence in English"), max_length=300, required=False
    )
    source = forms.ChoiceField(
        label=gettext_lazy("Where the value comes from"), choices=Source.choices
    )
    unit = forms.CharField(label=gettext_lazy("Unit"), max_length=40, required=False)
    direction = forms.ChoiceField(
        label=gettext_lazy("What a higher value means"), choices=Direction.choices,
        widget=forms.RadioSelect,
    )  # fmt: skip
    shape = forms.ChoiceField(
        label=gettext_lazy("The limits are"), choices=SHAPES, widget=forms.RadioSelect
    )
    bins = BinsField(
        label=gettext_lazy("Points"), required=False,
        help_text=gettext_lazy(
            "From the lowest to the highest. Leave the limit of the last line empty: it holds for"
            " everything else."
        ),
    )  # fmt: skip
    missing = forms.ChoiceField(
        label=gettext_lazy("When the value is not known"), choices=Missing.choices,
        widget=forms.RadioSelect,
    )  # fmt: skip
    missing_points = forms.IntegerField(
        label=gettext_lazy("Points when it is not known"), required=False, min_value=-100,
        max_value=100,
    )  # fmt: skip
    half_life_days = forms.IntegerField(
        label=gettext_lazy("Days in which the points halve"), required=False, min_value=1,
        max_value=36_500, help_text=gettext_lazy("Empty: they do not fade."),
    )  # fmt: skip
    cap = forms.IntegerField(
        label=gettext_lazy("Most points it may give"), required=False, min_value=0, max_value=100
    )
    visibility = forms.ChoiceField(
        label=gettext_lazy("What others see of it"), choices=Visibility.choices,
        widget=forms.RadioSelect,
    )  # fmt: skip
    ground = forms.ModelChoiceField(
        label=gettext_lazy("Legal ground, from the register of grounds"), required=False,
        queryset=GroundVersion.objects.none(),
    )  # fmt: skip
    ground_text = forms.CharField(
        label=gettext_lazy("Legal ground in words"), max_length=500, required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Act and section that allow its use when targets are chosen."),
    )  # fmt: skip
    edits = forms.IntegerField(required=False, widget=forms.HiddenInput)

    TEXTS = ("owner", "name_fi", "name_sv", "name_en", "sentence_fi", "sentence_sv", "sentence_en")
    AFTER = ("unit", "direction", "shape", "bins", "missing", "missing_points", "half_life_days",
             "cap")  # fmt: skip
    RIGHTS = ("visibility", "ground", "ground_text")

    def __init__(
        self, actor: "Actor", *args: Any, version: IndicatorVersion | None = None, **kwargs: Any
    ) -> None:
        self.actor, self.version = actor, version
        if version is not None and "initial" not in kwargs:
            kwargs["initial"] = _initial(version)
        super().__init__(*args, **kwargs)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ChoiceField)
        owner.choices = [("own", actor.authority.name), ("shared", _("shared by all"))]
        if version is not None and version.pk:
            del self.fields["owner"]
        ground = self.fields["ground"]
        assert isinstance(ground, forms.ModelChoiceField)
        ground.queryset = (
            GroundVersion.objects.visible_to(actor)
            .filter(state=GroundState.PUBLISHED)
            .select_related("ground")
            .order_by("ground__code", "-number")
        )
        ground.label_from_instance = (  # type: ignore[method-assign]
            lambda obj: f"{obj.ground.code}/{obj.number}: {obj.basis_words}"[:120]
        )
        self.of_source = self._source()
        asked = (self.data if self.is_bound else self.initial).get("d-measure")
        measure = definition_fields.measure_of(self.of_source, asked)
        for name, field in definition_fields.fields(self.of_source, measure).items():
            self.fields[name] = field

    @classmethod
    def typed(cls, actor: "Actor", data: Any, version: IndicatorVersion | None) -> "IndicatorForm":
        """The form with what was typed and without complaints: other fields, or more lines."""
        form = cls(actor, data, version=version)
        initial: dict[str, Any] = {
            name: field.widget.value_from_datadict(data, {}, name)
            for name, field in form.fields.items()
        }
        if data.get("step") == "lines":
            more = min(MORE_LINES, bins_of.MOST_BINS - len(initial["bins"]))
            initial["bins"] += [("", "")] * more
        return cls(actor, version=version, initial=initial)

    def _source(self) -> str:
        raw = self.data.get("source") if self.is_bound else self.initial.get("source")
        return raw if raw in Source.values else str(Source.VISITS)

    @property
    def definition_bound(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(definition_fields.PREFIX)]

    def group(self, names: tuple[str, ...]) -> list[forms.BoundField]:
        return [self[name] for name in names if name in self.fields]

    @property
    def texts(self) -> list[forms.BoundField]:
        return self.group(self.TEXTS)

    @property
    def after(self) -> list[forms.BoundField]:
        return self.group(self.AFTER)

    @property
    def rights(self) -> list[forms.BoundField]:
        return self.group(self.RIGHTS)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        try:
            data["bins"] = bins_from(data.get("bins") or [], data.get("shape") == "codes")
        except forms.ValidationError as error:
            self.add_error("bins", error)
            data["bins"] = []
        else:
            if data["bins"]:
                for words in bins_of.problems(data["bins"], data.get("direction", "")):
                    self.add_error("bins", words)
        data["definition"] = definition_fields.definition(self.of_source, data)
        forbidden = tested.forbidden(data["definition"])
        if forbidden:
            self.add_error(
                "source",
                _("Never used for choosing targets, by nobody: %(what)s. Take it out.")
                % {"what": ", ".join(forbidden)},
            )
        if data.get("visibility") == Visibility.SEALED and data.get("owner") == "shared":
            self.add_error(
                "visibility",
                _("A sealed indicator needs an owner: what is shared cannot be sealed."),
            )
        return data

    def values(self) -> dict[str, Any]:
        """What the services take."""
        data = self.cleaned_data
        names = (
            "name_fi", "name_sv", "name_en", "sentence_fi", "sentence_sv", "sentence_en", "unit",
            "source", "definition", "direction", "bins", "missing", "half_life_days", "cap",
            "visibility", "ground", "ground_text",
        )  # fmt: skip
        return {name: data[name] for name in names} | {
            "missing_points": data["missing_points"] or 0
        }

    def unsaved(self) -> IndicatorVersion:
        """The version as filled in, for a preview; what is not valid stays empty."""
        data = getattr(self, "cleaned_data", {})
        if self.version is not None:
            indicator = self.version.indicator
        else:
            shared = data.get("owner") == "shared"
            indicator = Indicator(
                code="preview", authority=None if shared else self.actor.authority
            )
        row = IndicatorVersion(indicator=indicator, number=0)
        for name in (
            "name_fi", "unit", "source", "definition", "direction", "bins", "missing",
            "half_life_days", "cap", "visibility",
        ):  # fmt: skip
            if name in data:
                setattr(row, name, data[name])
        row.missing_points = data.get("missing_points") or 0
        return row


def _initial(version: IndicatorVersion) -> dict[str, Any]:
    names = (
        "name_fi", "name_sv", "name_en", "sentence_fi", "sentence_sv", "sentence_en", "source",
        "unit", "direction", "missing", "missing_points", "half_life_days", "cap", "visibility",
        "ground", "ground_text", "edits",
    )  # fmt: skip
    return {name: getattr(version, name) for name in names} | {
        "shape": "codes" if bins_of.is_texts(version.bins) else "numbers",
        "bins": lines_of(version.bins),
        **definition_fields.initial(version.source, version.definition),
    }


NEW = {
    "owner": "own", "source": Source.VISITS, "direction": Direction.UP, "shape": "numbers",
    "missing": Missing.NOTHING, "visibility": Visibility.OPEN,
}  # fmt: skip


class ModelCreateForm(forms.Form):
    name_fi = forms.CharField(label=gettext_lazy("Name in Finnish"), max_length=200)
    name_sv = forms.CharField(label=gettext_lazy("Name in Swedish"), max_length=200, required=False)
    name_en = forms.CharField(label=gettext_lazy("Name in English"), max_length=200, required=False)
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"), choices=ModelKind.choices, widget=forms.RadioSelect,
        initial=ModelKind.POINTS,
        help_text=gettext_lazy(
            "Points need no results to begin with. The other kinds learn their weights from results"
            " of visits and keep the directions that policy gives."
        ),
    )  # fmt: skip
    outcomes = forms.MultipleChoiceField(
        label=gettext_lazy("Results that count as found"),
        choices=[
            (o.value, o.label) for o in VisitOutcome
            if o not in (VisitOutcome.NO_REMARKS, VisitOutcome.NOT_POSSIBLE)
        ],
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    joint = forms.TypedChoiceField(
        label=gettext_lazy("Who sees its numbers"), widget=forms.RadioSelect, initial="1",
        coerce=lambda raw: raw == "1",
        choices=[("1", gettext_lazy("everybody: it moves the joint list")),
                 ("0", gettext_lazy("only my authority"))],
    )  # fmt: skip
    severity = forms.DecimalField(
        label=gettext_lazy("Weight of one finding"), initial=1, min_value=0, max_digits=6,
        decimal_places=2,
        help_text=gettext_lazy("How much a finding of this authority counts beside one of others."),
    )  # fmt: skip
    visit_days = forms.DecimalField(
        label=gettext_lazy("Inspector-days of a visit"), initial=1, min_value=0, max_digits=5,
        decimal_places=2,
    )  # fmt: skip


SHARE, VISITS = "share", "visits"


class BacktestForm(forms.Form):
    """How many visits can be made: a share of those of each window, or a number."""

    unit = forms.ChoiceField(
        label=gettext_lazy("How the capacity is given"), widget=forms.RadioSelect,
        choices=[(SHARE, gettext_lazy("per cent of the visits of each window")),
                 (VISITS, gettext_lazy("number of visits of each window"))],
    )  # fmt: skip
    capacity = forms.DecimalField(
        label=gettext_lazy("Capacity"), max_digits=8, decimal_places=1,
        help_text=gettext_lazy(
            "So many are chosen where it is counted what is found among the chosen. A window is"
            " 90 days."
        ),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        amount = data.get("capacity")
        if amount is None:
            return data
        if data.get("unit") == SHARE and not 0 < amount < 100:
            self.add_error("capacity", _("A share is more than 0 and less than 100 per cent."))
        if data.get("unit") == VISITS and (amount < 1 or amount % 1):
            self.add_error("capacity", _("A number of visits is whole and at least 1."))
        return data

    def share_or_visits(self) -> float:
        """As the backtest takes it: below 1 a share, else visits."""
        amount = float(self.cleaned_data["capacity"])
        return amount / 100 if self.cleaned_data["unit"] == SHARE else amount


class ModelForm(forms.Form):
    """The indicators of a draft: ticked or not, with points of this model's own where given."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"), choices=ModelKind.choices, widget=forms.RadioSelect
    )
    note = forms.CharField(
        label=gettext_lazy("Why this version"), required=False, max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
    edits = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, rows: list[IndicatorVersion], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = rows
        for row in rows:
            self.fields[f"use-{row.pk}"] = forms.BooleanField(label=row.name, required=False)
            self.fields[f"points-{row.pk}"] = forms.CharField(
                label=_("Own points of %(name)s, line by line") % {"name": row.name},
                required=False, max_length=200,
            )  # fmt: skip

    @property
    def main(self) -> list[forms.BoundField]:
        return [self["kind"], self["note"]]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """One line an indicator: its row, tick, own points, and its bins in words."""
        return [
            {"row": row, "use": self[f"use-{row.pk}"], "points": self[f"points-{row.pk}"],
             "bins": bins_of.words(row.bins)}
            for row in self.rows
        ]  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for row in self.rows:
            name = f"points-{row.pk}"
            raw = data.get(name, "").replace(";", " ").replace("/", " ").split()
            if not raw:
                continue
            points = [bins_of.number(part) for part in raw]
            if len(points) != len(row.bins) or not all(isinstance(p, int) for p in points):
                self.add_error(
                    name,
                    _("Give %(count)s whole numbers with spaces between, one a line of the points.")
                    % {"count": len(row.bins)},
                )
                continue
            bins = [line | {"points": value} for line, value in zip(row.bins, points, strict=True)]
            for words in bins_of.problems(bins, row.direction):
                self.add_error(name, words)
            data[f"bins-{row.pk}"] = bins
        return data


class ApproveForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("What you looked at, and why it may be used"), max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )  # fmt: skip
    shown_hash = forms.CharField(widget=forms.HiddenInput, max_length=64)


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )
