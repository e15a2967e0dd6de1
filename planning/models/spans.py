"""The part of a local day that a team takes, as the database compares it."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db.models import Func, Q


class Span(Func):
    """``planning_span(date, starts_at, ends_at)``: whole day unless both times are known."""

    function = "planning_span"
    output_field = DateTimeRangeField()


def one_at_a_time(what: str, name: str) -> ExclusionConstraint:
    """``what`` (a foreign key) is in one place at a time; days of cancelled rounds do not count."""
    return ExclusionConstraint(
        name=name,
        expressions=[
            (what, RangeOperators.EQUAL),
            (Span("date", "starts_at", "ends_at"), RangeOperators.OVERLAPS),
        ],
        condition=Q(released=False),
    )
