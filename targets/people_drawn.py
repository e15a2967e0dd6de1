"""Persons of a drawing: who has which role in a company, and where else the same person has one.

No names are kept of persons (``PersonRole``): they are numbered, for one page only. The drawing goes
by the roles that the list beside it names and by no others.
"""

import datetime as dt
from dataclasses import dataclass, field

from django.utils import timezone
from django.utils.translation import gettext as _

from targets.links_page import role_words
from targets.models import Company, PersonRole

PERSONS = 8  # more cannot be read beside the links
FIRMS = 6  # other companies that are in the drawing only for them


@dataclass
class People:
    """``rows``: roles in the company that the list names; ``others``: of the same persons elsewhere."""

    company: Company
    rows: list[PersonRole]
    others: list[PersonRole] = field(default_factory=list)


@dataclass(frozen=True)
class Person:
    pk: int  # its number on the page

    def __str__(self) -> str:
        return _("Person %(number)s") % {"number": self.pk}


@dataclass(frozen=True)
class Said:
    """One role as a line: ``does`` stands at one of its ends, ``words`` are the whole sentence."""

    person: Person
    company: Company
    does: str
    words: str
    ended: bool = False


def is_over(last: dt.date | None) -> bool:
    """Whether what held until this day has ended."""
    return last is not None and last < timezone.localdate()


def drawn_of(people: People) -> tuple[list[Said], list[Said], int]:
    """Roles in the company and elsewhere of the persons that are drawn, and how many are not.

    Whoever ties the company to another comes first: that is what a drawing shows better than a list.
    No query.
    """
    tied = {row.person for row in people.others}
    hashes = list(dict.fromkeys(row.person for row in people.rows))
    hashes.sort(key=lambda one: one not in tied)
    persons = {one: Person(n) for n, one in enumerate(hashes[:PERSONS], start=1)}
    here = [_here(persons[row.person], row) for row in people.rows if row.person in persons]
    others = [
        _elsewhere(persons[row.person], row) for row in people.others if row.person in persons
    ]
    return here, others, len(hashes) - len(persons)


def _here(person: Person, row: PersonRole) -> Said:
    role = role_words(row.role)
    return Said(person, row.company, role, _holds(person, row.company, role))


def _elsewhere(person: Person, row: PersonRole) -> Said:
    """Said at the company: at the person it would be taken for its role in the page's own."""
    role, company = role_words(row.role), row.company
    if not is_over(row.valid_to):
        does = _("%(person)s: %(role)s") % {"person": person, "role": role}
        return Said(person, company, does, _holds(person, company, role))
    words = {"person": person, "role": role, "company": company}
    sentence = _("%(person)s had a role in %(company)s that has ended: %(role)s") % words
    return Said(person, company, _("%(person)s: %(role)s (ended)") % words, sentence, ended=True)


def _holds(person: Person, company: Company, role: str) -> str:
    words = {"person": person, "role": role, "company": company}
    return _("%(person)s has a role in %(company)s: %(role)s") % words
