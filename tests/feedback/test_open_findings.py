"""Which findings and measures stand as open on the page of a site."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from execution.models import Finding
from feedback import panels
from feedback.models import Measure
from feedback.services import cancel_measure, close_measure, open_measure
from planning.models import Operation
from tests.factories import Cast

pytestmark = pytest.mark.django_db
WORDS = "Secret finding of OSH"


@pytest.fixture
def visited():
    """The people, a visit with one finding of OSH, and nothing followed up yet."""
    cast = Cast()
    cast.to("feedback")
    Measure.objects.all().delete()
    return cast, cast.visits()[0]


def panel(client, visit, query: str = ""):
    url = reverse("targets:site_detail", args=[visit.site.public_id])
    found = [p for p in client.get(url + query).context["panels"] if p.key == "open"]
    return found[0].values if found else None


def shown(client, visit) -> list[str]:
    values = panel(client, visit)
    return [finding.text for finding in values["findings"].rows] if values else []


def follow(cast, visit, code="OSH") -> Measure:
    return open_measure(
        actor=cast.actors[code, "inspector"], visit=visit, kind="advice",
        deadline=timezone.localdate() + dt.timedelta(days=9),
    )  # fmt: skip


def test_a_finding_is_open_until_what_followed_from_it_is_done(visited, as_user):
    cast, visit = visited
    osh = cast.actors["OSH", "inspector"]
    client = as_user(osh)
    assert shown(client, visit) == [WORDS]  # nothing has followed yet
    first, second = follow(cast, visit), follow(cast, visit)
    close_measure(actor=osh, measure=first, result="complied")
    assert shown(client, visit) == [WORDS]
    close_measure(actor=osh, measure=second, result="complied")
    assert shown(client, visit) == []
    assert Finding.objects.filter(record__visit=visit).count() == 1  # it is kept with its visit
    record = cast.record(visit, "OSH")
    assert (
        WORDS in client.get(reverse("execution:record", args=[record.public_id])).content.decode()
    )


def test_others_measures_and_cancelled_ones_settle_nothing(visited, as_user):
    cast, visit = visited
    osh, tax = cast.actors["OSH", "inspector"], cast.actors["TAX", "inspector"]
    close_measure(actor=tax, measure=follow(cast, visit, "TAX"), result="complied")
    other = cast.visits()[1]
    close_measure(actor=osh, measure=follow(cast, other), result="complied")
    cancel_measure(actor=osh, measure=follow(cast, visit), reason="By mistake")
    assert shown(as_user(osh), visit) == [WORDS]
    assert shown(as_user(osh), other) == []
    assert shown(as_user(tax), visit) == []  # and it is nobody else's to read


def test_without_a_measure_it_ends_with_the_operation(visited, as_user):
    cast, visit = visited
    client = as_user(cast.actors["OSH", "inspector"])
    other = cast.visits()[1]
    follow(cast, other)
    Operation.objects.filter(pk=cast.operation.pk).update(
        state="closed", closed_at=timezone.now()
    )  # fmt: skip
    assert shown(client, visit) == []
    assert shown(client, other) == [WORDS]  # its measure goes on after the operation


def test_a_finding_struck_out_is_not_open(visited, as_user):
    cast, visit = visited
    Finding.objects.filter(record__visit=visit).update(removed_at=timezone.now())
    assert shown(as_user(cast.actors["OSH", "inspector"]), visit) == []


def test_many_lead_on(visited, as_user, monkeypatch):
    monkeypatch.setattr(panels, "SHOWN", 2)
    cast, visit = visited
    osh = cast.actors["OSH", "inspector"]
    record = cast.record(visit, "OSH")
    for number in range(4):
        Finding.objects.create(
            record=record, severity="minor", text=f"Finding {number}", legal_reference="1 §",
            created_by=osh.user,
        )  # fmt: skip
    for _each in range(3):
        follow(cast, visit)
    client = as_user(osh)
    first, third = panel(client, visit), panel(client, visit, "?findings=3&measures=2")
    assert first["findings"].words == "Findings 1–2 of 5 are shown."
    assert first["measures"].words == "Measures 1–2 of 3 are shown."
    assert [finding.text for finding in third["findings"].rows] == [WORDS]  # the oldest
    assert third["measures"].words == "Measures 3–3 of 3 are shown."
    url = reverse("targets:site_detail", args=[visit.site.public_id])
    text = client.get(url).content.decode()
    assert "Findings 1–2 of 5 are shown." in text
    assert "?findings=2#findings" in text
