"""Writing indicators: drafts, publishing, new versions, retirement."""

import re
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import GroundState
from risk import bins as bins_of
from risk import permissions, states
from risk.models import (
    Indicator,
    IndicatorState,
    IndicatorVersion,
    Missing,
    Visibility,
)
from risk.services import tested

if TYPE_CHECKING:
    from authorities.actors import Actor
    from authorities.models import Authority

LANGUAGES = ("fi", "sv", "en")
EDITABLE = (
    "name_fi", "name_sv", "name_en", "sentence_fi", "sentence_sv", "sentence_en", "unit", "source",
    "definition", "direction", "bins", "missing", "missing_points", "half_life_days", "cap",
    "visibility", "ground", "ground_text",
)  # fmt: skip
# A sentence may show the value and nothing else of the row.
PLACES = re.compile(r"\{([^{}]*)\}")


@service
def draft_indicator(
    *, actor: "Actor", authority: "Authority | None", **values: Any
) -> IndicatorVersion:
    """A new indicator with its first draft; ``authority`` None makes a shared one.

    Its code is made from the name and a random part, so that nobody can learn from a refusal which
    codes others have. Raises NotAllowed, RuleViolation with the field.
    """
    if not permissions.may_draft(actor, authority.pk if authority else None):
        raise NotAllowed(_("Indicators are written by analysts, for their own authority or all."))
    indicator = Indicator(authority=authority)
    name = values.get("name_en") or values.get("name_fi") or "indicator"
    indicator.code = f"{slugify(name)[:50] or 'indicator'}-{indicator.public_id.hex[:8]}"
    version = IndicatorVersion(
        indicator=indicator, number=1, created_by=actor.user, writers=[actor.user.pk]
    )
    _take(version, values)
    indicator.save()
    version.indicator = indicator
    version.save()
    _record(actor, version, "drafted")
    return version


@service
def change_indicator(
    *, actor: "Actor", version: IndicatorVersion, shown: int, **values: Any
) -> IndicatorVersion:
    """Change a draft; ``shown`` is the edit counter of the page that was filled in.

    Raises NotAllowed, Conflict when somebody changed or published it meanwhile.
    """
    version = _locked(actor, version)
    if not permissions.may_change_indicator(actor, version):
        raise NotAllowed(_("A draft is changed by those who write it."))
    _follow(version, "change")
    if version.edits != shown:
        raise Conflict(_("Somebody has changed this draft since you opened it. Read it again."))
    _take(version, values)
    version.edits += 1
    version.writers = sorted({*version.writers, actor.user.pk})
    version.save()
    _record(actor, version, "changed")
    return version


@service
def publish_indicator(*, actor: "Actor", version: IndicatorVersion) -> IndicatorVersion:
    """From now on models may use it and nothing in it changes; the former version is retired.

    Raises RuleViolation with everything that is missing, NotAllowed, Conflict.
    """
    version = _locked(actor, version)
    if not permissions.may_publish_indicator(actor, version):
        raise NotAllowed(
            _("A shared indicator is published by somebody who has not written in it.")
            if version.indicator.authority_id is None
            else _("An indicator is published by an analyst or manager of its authority.")
        )
    state = _follow(version, "publish")
    found = problems(version)
    if found:
        raise RuleViolation(" ".join(found))
    former = version.indicator.versions.filter(state=IndicatorState.PUBLISHED).first()
    if former is not None:
        former.state = states.INDICATOR[former.state, "follow"]
        former.retired_at = timezone.now()
        former.save(update_fields=["state", "retired_at"])
    version.state = state
    version.published_at = timezone.now()
    version.save(update_fields=["state", "published_at"])
    if version.visibility != Visibility.SEALED and not version.indicator.told:
        version.indicator.told = True
        version.indicator.save(update_fields=["told"])
    _record(actor, version, "published")
    return version


@service
def new_indicator_version(*, actor: "Actor", indicator: Indicator) -> IndicatorVersion:
    """A draft that starts as the latest version; the open draft is returned when there is one."""
    indicator = Indicator.objects.visible_to(actor).select_for_update().get(pk=indicator.pk)
    if not permissions.may_draft(actor, indicator.authority_id):
        raise NotAllowed(_("Indicators are written by analysts, for their own authority or all."))
    latest = indicator.versions.order_by("-number")[0]
    if latest.state == IndicatorState.DRAFT:
        return latest
    draft = IndicatorVersion.objects.create(
        indicator=indicator, number=latest.number + 1, created_by=actor.user,
        writers=[actor.user.pk], **{name: getattr(latest, name) for name in EDITABLE},
    )  # fmt: skip
    _record(actor, draft, "drafted")
    return draft


@service
def retire_indicator(*, actor: "Actor", version: IndicatorVersion) -> IndicatorVersion:
    """No new model may use it; models that have it keep it as it was."""
    version = _locked(actor, version)
    if not permissions.may_retire_indicator(actor, version):
        raise NotAllowed(_("An indicator is retired by an analyst or manager of its authority."))
    version.state = _follow(version, "retire")
    version.retired_at = timezone.now()
    version.save(update_fields=["state", "retired_at"])
    _record(actor, version, "retired")
    return version


@service
def drop_indicator_draft(*, actor: "Actor", version: IndicatorVersion) -> None:
    """Give up a draft; an indicator that has never had another version goes with it."""
    version = _locked(actor, version)
    if not permissions.may_draft(actor, version.indicator.authority_id):
        raise NotAllowed(_("A draft is given up by analysts of its authority."))
    if version.state != IndicatorState.DRAFT:
        raise Conflict(_("Only a draft can be given up."))
    _record(actor, version, "dropped")
    indicator = version.indicator
    version.delete()
    if not indicator.versions.exists():
        indicator.delete()


def problems(version: IndicatorVersion) -> list[str]:
    """Everything that keeps a draft from being published, in words. No queries but the ground's."""
    found = []
    if not all(getattr(version, f"name_{code}").strip() for code in LANGUAGES):
        found.append(_("Write the name in every language."))
    for code in LANGUAGES:
        places = set(PLACES.findall(getattr(version, f"sentence_{code}")))
        if "value" not in places or places != {"value"}:
            found.append(
                _("The sentence (%(language)s) needs {value} where the value is to stand.")
                % {"language": code}
            )
    if version.ground_id is None and not version.ground_text.strip():
        found.append(_("Say on what legal ground this may be used for choosing targets."))
    if version.visibility == Visibility.SEALED and version.indicator.authority_id is None:
        found.append(_("A sealed indicator needs an owner: what is shared cannot be sealed."))
    if _visibility_turns(version):
        found.append(
            _("A sealed indicator stays sealed and an open one open: make a new indicator instead.")
        )
    if version.missing == Missing.NOTHING and version.missing_points:
        found.append(_("Points for a missing value need the rule “points of its own”."))
    found += bins_of.problems(version.bins, version.direction)
    text = tested.gives_text(version.source, version.definition)
    if version.bins and text is not None and text != bins_of.is_texts(version.bins):
        found.append(
            _("The value is a code: give the lines of points codes.") if text
            else _("The value is a number: give the lines of points limits.")
        )  # fmt: skip
    shared = version.indicator.authority_id is None
    return found + tested.definition_problems(version.source, version.definition, shared=shared)


def _visibility_turns(version: IndicatorVersion) -> bool:
    """Between versions nothing may become or cease to be sealed: the numbers would tell of it."""
    sealed = version.visibility == Visibility.SEALED
    former = (
        version.indicator.versions.exclude(state=IndicatorState.DRAFT).order_by("-number").first()
    )
    return former is not None and (former.visibility == Visibility.SEALED) != sealed


def _never_words(forbidden: list[str]) -> str:
    return _("Never used for choosing targets, by nobody: %(what)s. Take it out.") % {
        "what": ", ".join(forbidden)
    }


def _take(version: IndicatorVersion, values: dict[str, Any]) -> None:
    """Put values into a draft. It may be unfinished, but never hold what is forbidden."""
    for name, value in values.items():
        if name not in EDITABLE:
            raise ValueError(name)
        setattr(version, name, value)
    if not version.name_fi.strip():
        raise RuleViolation(_("Give the indicator a name in Finnish."), field="name_fi")
    forbidden = tested.forbidden(version.definition)
    if forbidden:
        raise RuleViolation(_never_words(forbidden), field="source", code="never")
    if version.visibility == Visibility.SEALED and version.indicator.authority_id is None:
        raise RuleViolation(
            _("A sealed indicator needs an owner: what is shared cannot be sealed."),
            field="visibility",
        )
    if version.ground is not None and version.ground.state != GroundState.PUBLISHED:
        raise RuleViolation(_("Choose a published ground."), field="ground")
    if version.missing == Missing.NOTHING:
        version.missing_points = 0


def _locked(actor: "Actor", version: IndicatorVersion) -> IndicatorVersion:
    """The version as it is now, its indicator locked so that two cannot publish at once."""
    rows = IndicatorVersion.objects.visible_to(actor).select_related("indicator__authority")
    version = rows.get(pk=version.pk)
    own = version.indicator.authority_id in (None, actor.authority.pk)
    if not own:
        raise NotAllowed(_("This indicator is another authority's."))
    Indicator.objects.select_for_update().get(pk=version.indicator_id)
    return rows.get(pk=version.pk)


def _follow(version: IndicatorVersion, what: str) -> str:
    return states.step(states.INDICATOR, version, what)


def _record(actor: "Actor", version: IndicatorVersion, what: str) -> None:
    """Others may read of it once it is published and not sealed."""
    owner = version.indicator.authority_id
    told = version.state != IndicatorState.DRAFT and version.visibility != Visibility.SEALED
    record(
        actor=actor, verb=f"indicator.{what}", subject=version.indicator,
        data={"number": version.number, "name": version.name_fi},
        audience=None if owner is None or told else [owner],
    )  # fmt: skip
