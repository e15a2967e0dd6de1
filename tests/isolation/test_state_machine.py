"""Share, pass on, withdraw, hand over, expire, join, leave, recuse, reorganise, in any order.

The real services run against a model of twenty lines. After every step each person sees exactly
what the model lets them see: in lists, counts, search, exports and raw SQL, and nothing of the rest
in what the mails are made of.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import QueryDict
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from audit.context import acting_as, as_system
from authorities.actors import Actor
from authorities.models import Membership
from authorities.services.succession import carry_out, plan_succession
from planning.models import Nomination
from planning.services import withdraw
from targets.models import Disclosure, Signal, Site
from targets.services.handovers import hand_over
from targets.services.recusals import end_recusal, recuse
from targets.services.retention import sweep
from targets.services.sharing import withdraw_disclosure
from targets.signal_lists import SignalList, search_signals
from tests.factories import (
    Cast,
    give,
    make_authority,
    make_ground,
    make_signal,
    make_site,
    make_unit,
)
from ui.list_exports import export_rows
from worklist.models import Task

pytestmark = pytest.mark.django_db
CODES = ("OSH", "TAX", "POL")
pick = st.integers(min_value=0, max_value=50)


@dataclass
class Model:
    """Who may see what, and nothing else."""

    owner: dict[int, str] = field(default_factory=dict)  # signal → authority
    given: set[tuple[int, str]] = field(default_factory=set)
    site_of: dict[int, int] = field(default_factory=dict)
    recused: set[tuple[int, int]] = field(default_factory=set)  # person, site
    nominated: dict[int, tuple[str, int]] = field(default_factory=dict)  # nomination → who, site
    members: set[str] = field(default_factory=set)

    def signals(self, person: int, authority: str) -> set[int]:
        return {
            s for s, owner in self.owner.items()
            if (owner == authority or (s, authority) in self.given)
            and (person, self.site_of[s]) not in self.recused
        }  # fmt: skip

    def nominations(self, person: int, authority: str) -> set[int]:
        return {
            n for n, (_who, site) in self.nominated.items()
            if authority in self.members and (person, site) not in self.recused
        }  # fmt: skip

    def rename(self, old: str, new: str) -> None:
        self.owner = {s: new if o == old else o for s, o in self.owner.items()}
        self.given = {(s, new if a == old else a) for s, a in self.given}
        self.nominated = {
            n: (new if w == old else w, site) for n, (w, site) in self.nominated.items()
        }
        self.members = {new if a == old else a for a in self.members}


class Sharing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = transaction.atomic()
        self.world.__enter__()
        self.model = Model()
        self.day = timezone.localdate()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.world.__exit__(None, None, None)

    @initialize()
    def begin(self) -> None:
        self.cast = Cast()
        operation = self.cast.to("selecting", sites=2)
        self.sites = [*self.cast.sites, make_site()]
        self.people: list[Actor] = [
            self.cast.actors[code, role] for code in CODES for role in ("manager", "analyst")
        ]
        for giver in CODES:
            make_ground(f"G-{giver}", [giver], [c for c in CODES if c != giver], "tip",
                        onward_allowed=True)  # fmt: skip
        self.model.members = set(CODES)
        self.model.nominated = {
            n.pk: (n.authority.code, n.site_id)
            for n in Nomination.objects.filter(operation=operation).select_related("authority")
        }
        self.reorganised = False

    # ------------------------------------------------------------------ helpers
    def person(self, number: int) -> Actor:
        return self.people[number % len(self.people)]

    def manager(self, code: str) -> Actor:
        return next(p for p in self.people if p.authority.code == code and p.has_role("manager"))

    def codes(self) -> list[str]:
        return sorted({p.authority.code for p in self.people})

    # ------------------------------------------------------------------ steps
    @rule(who=pick, where=pick)
    def write(self, who: int, where: int) -> None:
        person, site = self.person(who), self.sites[where % len(self.sites)]
        if (person.user.pk, site.pk) in self.model.recused:
            return
        with acting_as(person):
            signal = make_signal(person, site=Site.objects.get(pk=site.pk))
        self.model.owner[signal.pk] = person.authority.code
        self.model.site_of[signal.pk] = site.pk

    @precondition(lambda self: self.model.owner)
    @rule(which=pick, to=pick, handing=st.booleans(), onward=st.booleans())
    def share(self, which: int, to: int, handing: bool, onward: bool) -> None:
        pk = sorted(self.model.owner)[which % len(self.model.owner)]
        owner = self.model.owner[pk]
        others = [c for c in self.codes() if c != owner]
        receiver = make_authority(others[to % len(others)])
        giver = self.manager(owner)
        if (giver.user.pk, self.model.site_of[pk]) in self.model.recused:
            return
        if (pk, receiver.code) in self.model.given:
            return
        with as_system("a test looks"):
            signal = Signal.objects.get(pk=pk)
        given = give(giver, signal, receiver, may_pass_on=onward)
        if handing:
            hand_over(
                actor=giver, signal=signal, receiver=receiver, ground=given.ground, confirmed=[],
                deadline=timezone.localdate() + dt.timedelta(days=3),
            )  # fmt: skip
        self.model.given.add((pk, receiver.code))

    def _active(self) -> list[Disclosure]:
        with as_system("a test looks"):
            return list(
                Disclosure.objects.filter(state="active").select_related("giver", "receiver")
                .order_by("pk")
            )  # fmt: skip

    def _ends(self, row: Disclosure) -> None:
        """In the model what is given ends, with what was passed on from it."""
        self.model.given.discard((row.signal_id, row.receiver.code))
        with as_system("a test looks"):
            for child in row.passed_on.select_related("receiver"):
                self._ends(child)

    @precondition(lambda self: self.model.given)
    @rule(which=pick)
    def withdraw(self, which: int) -> None:
        rows = self._active()
        row = rows[which % len(rows)]
        withdraw_disclosure(actor=self.manager(row.giver.code), given=row, reason="Over")
        self._ends(row)

    @precondition(lambda self: self.model.given)
    @rule(which=pick)
    def expire(self, which: int) -> None:
        rows = self._active()
        row = rows[which % len(rows)]
        with as_system("a test moves the clock"):
            Disclosure.objects.filter(pk=row.pk).update(
                expires_on=timezone.localdate() - dt.timedelta(days=1)
            )
        self._ends(row)
        sweep()

    @rule(who=pick, where=pick)
    def keep_away(self, who: int, where: int) -> None:
        person, site = self.person(who), self.sites[where % len(self.sites)]
        # Places in the new authority begin tomorrow: nobody is kept away from them today.
        if person.authority.code == "NEW" or person.has_role("manager"):
            return
        if (person.user.pk, site.pk) in self.model.recused:
            return
        recuse(actor=self.manager(person.authority.code), person=person.user, target=site,
               reason="Kin")  # fmt: skip
        self.model.recused.add((person.user.pk, site.pk))

    @precondition(lambda self: self.model.recused)
    @rule(which=pick)
    def let_in(self, which: int) -> None:
        from targets.models import Recusal

        with as_system("a test looks"):
            rows = list(Recusal.objects.filter(ended_at__isnull=True).order_by("pk"))
        row = rows[which % len(rows)]
        code = next(p.authority.code for p in self.people if p.user.pk == row.user_id)
        end_recusal(actor=self.manager(code), recusal=row)
        self.model.recused.discard((row.user_id, row.site_id))

    @precondition(lambda self: not self.reorganised and "TAX" in self.model.members)
    @rule()
    def leave(self) -> None:
        place = self.cast.place("TAX")
        withdraw(actor=self.cast.actors["TAX", "coordinator"], place=place, reason="No people")
        self.model.members.discard("TAX")

    @precondition(lambda self: not self.reorganised)
    @rule()
    def reorganise(self) -> None:
        """POL ends tomorrow; NEW carries on with the same people."""
        old, new = make_authority("POL"), make_authority("NEW")
        unit, day = make_unit(new), self.day + dt.timedelta(days=1)
        succession = plan_succession(
            actor=None, old=old, new=new, on=day, units=[(make_unit(old), unit, True)]
        )
        assert carry_out(succession.pk, day)
        renamed = []
        for person in self.people:
            if person.authority.pk == old.pk:
                place = Membership.objects.select_related("unit", "authority", "user").get(
                    user=person.user, unit=unit
                )
                renamed.append(Actor(user=place.user, membership=place))
            else:
                renamed.append(person)
        self.gone = [p for p in self.people if p.authority.pk == old.pk]
        self.people, self.reorganised = renamed, True
        self.model.rename("POL", "NEW")

    # ------------------------------------------------------------------ what must always hold
    @invariant()
    def everybody_sees_what_the_model_says(self) -> None:
        if not hasattr(self, "people"):
            return
        for person in self.people:
            key = (person.user.pk, person.authority.code)
            wanted = self.model.signals(*key)
            with acting_as(person):
                listed = set(Signal.objects.visible_to(person).values_list("pk", flat=True))
                assert listed == wanted, key
                assert SignalList(person, QueryDict()).queryset().count() == len(wanted)
                _head, _labels, rows = export_rows(SignalList(person, QueryDict()))
                assert len(list(rows)) == len(wanted)
                found = search_signals(person, "Site", 100)["rows"]
                assert len(found) == len(wanted)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT id FROM targets_signal")
                    assert {row[0] for row in cursor.fetchall()} == wanted
                nominations = set(
                    Nomination.objects.visible_to(person).values_list("pk", flat=True)
                )
                assert nominations == self.model.nominations(*key), key
                self.mails_name_nothing(person)

    @staticmethod
    def mails_name_nothing(person: Actor) -> None:
        from worklist.kinds import neutral_for

        for task in Task.objects.visible_to(person):
            assert "Site" not in neutral_for(task.kind)

    @invariant()
    def whoever_has_no_place_sees_nothing_any_more(self) -> None:
        for person in getattr(self, "gone", ()):
            with acting_as(person), connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM targets_signal")
                assert cursor.fetchone()[0] == 0


def test_nobody_ever_sees_what_the_model_forbids(db: Any) -> None:
    run_state_machine_as_test(
        Sharing,
        settings=settings(
            max_examples=12, stateful_step_count=14, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
