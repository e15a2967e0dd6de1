"""The demonstration set: what is promised of it, and the same each time."""

import datetime as dt
from collections import Counter
from io import StringIO

import pytest
from django.core.management import call_command
from stdnum.fi import ytunnus

from authorities.models import Authority, Membership, User
from demo.register import FIRST_NUMBER, stand_ins
from feedback.models import Feedback, Measure, Outcome
from planning.models import Operation
from targets.models import Company, PastVisit, Site

DAY = dt.date(2026, 11, 25)


@pytest.mark.django_db
def test_stand_ins_are_the_same_each_time_and_have_valid_numbers():
    call_command("load_reference", stdout=StringIO())
    first, again = list(stand_ins(300, DAY)), list(stand_ins(300, DAY))
    assert first == again
    assert len({s.business_id for s in first}) == 300
    assert all(ytunnus.is_valid(s.business_id) for s in first)
    assert all(int(s.business_id[:7]) >= FIRST_NUMBER for s in first)
    assert len({s.municipality.code for s in first}) > 40
    assert len({s.trade for s in first}) > 10


@pytest.mark.django_db(transaction=True)
def test_set_holds_what_it_promises_and_loads_once():
    out = StringIO()
    call_command("demo", stdout=out)
    assert Site.objects.count() == Company.objects.count() == 3_000
    assert Membership.objects.values("authority").distinct().count() == 9  # one person in two
    assert User.objects.count() == 40
    states = Counter(Operation.objects.values_list("state", flat=True))
    assert states == {"closed": 1, "executing": 1, "scheduled": 1, "signing": 1,
                      "nominating": 1, "selecting": 1, "draft": 1}  # fmt: skip
    closed = Operation.objects.get(state="closed")
    assert Outcome.objects.filter(visit__operation=closed).count() >= 15
    assert Measure.objects.filter(operation=closed).exists()
    assert Feedback.objects.filter(nomination__operation=closed).count() == 15
    assert closed.decision_records.count() == 3
    ids = set(Operation.objects.values_list("public_id", flat=True))
    counts = PastVisit.objects.count(), Authority.objects.count()
    call_command("demo", stdout=StringIO(), if_empty=True)
    call_command("demo", stdout=StringIO())
    assert (PastVisit.objects.count(), Authority.objects.count()) == counts
    assert set(Operation.objects.values_list("public_id", flat=True)) == ids
    who = StringIO()
    call_command("demo", who=True, stdout=who)
    assert who.getvalue().count("@") == 40
