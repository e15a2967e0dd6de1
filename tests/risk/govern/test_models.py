"""Models: what may be in one, what freezes it, and the way from draft to use."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.models import Event
from risk.models import MethodEdition, ModelIndicator, ModelVersion, RiskModel
from risk.services.approvals import approve_model
from risk.services.indicators import new_indicator_version, publish_indicator, retire_indicator
from risk.services.models import (
    Part,
    activate_model,
    change_model,
    content_hash,
    copy_model,
    create_model,
    drop_model_draft,
    retire_model,
)
from tests.factories import make_actor
from tests.risk.govern.factories import audited, drafted, published, test_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def analyst():
    return make_actor("OSH", "analyst")


def approved(version: ModelVersion, *authorities: str) -> ModelVersion:
    for code in authorities or ("OSH", "TAX"):
        approve_model(
            actor=make_actor(code, "manager"), version=version, reason="Read it",
            shown_hash=version.content_hash,
        )  # fmt: skip
    version.refresh_from_db()
    return version


def test_a_model_says_what_counts_as_found(analyst):
    with pytest.raises(RuleViolation):
        create_model(actor=analyst, name_fi="M", outcomes=["no_remarks"])
    with pytest.raises(NotAllowed):
        create_model(actor=make_actor("OSH", "manager"), name_fi="M", outcomes=["serious"])


def test_what_may_be_in_a_joint_model(analyst):
    version = drafted(analyst)
    put = lambda *rows, bins=(): change_model(  # noqa: E731
        actor=analyst, version=version, shown=version.edits,
        parts=[Part(row, list(bins)) for row in rows],
    )  # fmt: skip
    with pytest.raises(RuleViolation, match="sealed"):
        put(published(analyst, visibility="sealed"))
    with pytest.raises(RuleViolation, match="another authority"):
        put(published(make_actor("TAX", "analyst")))
    row = published(analyst)
    with pytest.raises(RuleViolation, match="once"):
        put(row, row)
    with pytest.raises(RuleViolation, match="may not fall"):
        put(row, bins=[{"below": 1, "points": 5}, {"below": None, "points": 0}])
    retire_indicator(actor=analyst, version=row)
    with pytest.raises(RuleViolation, match="retired"):
        put(row)
    put(published(analyst, shared=True), published(analyst, visibility="level"))
    assert version.indicators.count() == 2


def test_a_model_of_ones_own_may_have_a_sealed_one(analyst):
    sealed = published(analyst, visibility="sealed")
    version = drafted(analyst, sealed, joint=False)
    assert version.indicators.get().indicator == sealed


def test_the_hash_is_of_everything_that_makes_the_numbers(analyst):
    row, other = published(analyst), published(analyst, shared=True)
    version = drafted(analyst, row)
    first = content_hash(version)
    assert content_hash(ModelVersion.objects.get(pk=version.pk)) == first
    bins = [{"below": 1, "points": 0}, {"below": 3, "points": 11}, {"below": None, "points": 25}]
    seen = {first}
    for parts in ([Part(row, bins)], [Part(row, [], 4)], [Part(row), Part(other)],
                  [Part(other), Part(row)]):  # fmt: skip
        version = change_model(actor=analyst, version=version, shown=version.edits, parts=parts)
        seen.add(content_hash(version))
    assert len(seen) == 5
    RiskModel.objects.filter(pk=version.model_id).update(severity=Decimal(2))
    seen.add(content_hash(ModelVersion.objects.get(pk=version.pk)))
    assert len(seen) == 6


def test_from_the_backtest_on_nothing_changes(analyst):
    version = drafted(analyst, published(analyst))
    report = test_now(analyst, version, "backtest")
    assert (report.state, version.state) == ("done", "tested")
    assert report.content_hash == version.content_hash == content_hash(version)
    with pytest.raises(Conflict, match="never changed"):
        change_model(actor=analyst, version=version, shown=version.edits, parts=[])
    for statement in (
        lambda: ModelVersion.objects.filter(pk=version.pk).update(params={"a": 1}),
        lambda: ModelIndicator.objects.filter(version=version).update(bins=[]),
        lambda: ModelIndicator.objects.filter(version=version).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            statement()


@pytest.mark.parametrize("state", ["audited", "blocked", "approved", "active", "retired"])
def test_no_version_goes_back_to_a_draft(analyst, state):
    """Else what was approved could be written anew by a statement."""
    version = drafted(analyst, published(analyst))
    row = ModelVersion.objects.filter(pk=version.pk)
    row.update(state=state, content_hash="0" * 64)
    for back in {"draft", "audited"} if state in ("approved", "active", "retired") else {"draft"}:
        with pytest.raises(DatabaseError, match="never goes back"), transaction.atomic():
            row.update(state=back)
    row.update(params=version.params)
    version.refresh_from_db()
    assert version.state == state


def test_a_copy_takes_the_newest_indicators_and_leaves_retired_ones(analyst):
    stays, goes, renewed = (published(analyst) for _ in range(3))
    version = audited(analyst, stays, goes, renewed)
    retire_indicator(actor=analyst, version=goes)
    newer = new_indicator_version(actor=analyst, indicator=renewed.indicator)
    publish_indicator(actor=analyst, version=newer)
    draft = copy_model(actor=analyst, version=version)
    assert [p.indicator for p in draft.indicators.order_by("place")] == [stays, newer]
    assert copy_model(actor=analyst, version=version).pk == draft.pk
    drop_model_draft(actor=analyst, version=draft)
    assert version.model.versions.count() == 1


def test_only_what_is_approved_comes_to_use_and_the_former_ends(analyst):
    manager = make_actor("OSH", "manager")
    version = audited(analyst, published(analyst))
    with pytest.raises(Conflict):
        activate_model(actor=manager, version=version)
    approved(version)
    with pytest.raises(NotAllowed):
        activate_model(actor=analyst, version=version)
    with pytest.raises(NotAllowed):
        activate_model(actor=make_actor("TAX", "manager"), version=version)
    version = activate_model(actor=manager, version=version)
    second = copy_model(actor=analyst, version=version)
    for kind in ("backtest", "audit"):
        test_now(analyst, second, kind)
    activate_model(actor=manager, version=approved(second))
    version.refresh_from_db()
    assert (version.state, second.model.versions.filter(state="active").count()) == ("retired", 1)


def test_activation_and_retirement_write_the_public_method_anew(analyst):
    manager = make_actor("OSH", "manager")
    row = published(analyst, visibility="level")
    version = activate_model(actor=manager, version=approved(audited(analyst, row)))
    first = MethodEdition.objects.get()
    (model,) = first.content["models"]
    assert model["hash"] == version.content_hash
    assert model["indicators"][0]["ground"]["sv"] == "Act 44/2006, section 4"
    assert "bins" not in str(first.content)
    assert "definition" not in str(first.content)
    with pytest.raises(RuleViolation, match="why"):
        retire_model(actor=manager, version=version, reason=" ")
    retire_model(actor=manager, version=version, reason="Superseded")
    assert MethodEdition.objects.first().content == {"models": []}
    assert [e.number for e in MethodEdition.objects.all()] == [2, 1]
    with pytest.raises(DatabaseError), transaction.atomic():
        MethodEdition.objects.filter(pk=first.pk).update(content={})


def test_a_model_of_ones_own_tells_the_public_nothing(analyst):
    version = audited(analyst, published(analyst, visibility="sealed"), joint=False)
    approved(version, "OSH")
    activate_model(actor=make_actor("OSH", "manager"), version=version)
    assert not MethodEdition.objects.exists()
    others = make_actor("TAX", "manager")
    assert not Event.objects.filter(verb__startswith="risk_model.").visible_to(others).exists()
