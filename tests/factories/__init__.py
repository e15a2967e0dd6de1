"""Small builders for tests. Rows that a service makes are made by the service."""

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any

from django.utils import timezone

from audit.context import as_system
from authorities.actors import Actor
from authorities.models import (
    Area,
    AreaKind,
    Authority,
    Ground,
    GroundVersion,
    Term,
    Unit,
    User,
)
from authorities.services.people import add_membership
from execution.models import Checklist, ChecklistItem, InspectionRecord, Visit
from planning.candidates import candidates
from planning.models import Operation, Participation, SelectionSettings
from planning.services import (
    accept,
    add_visit,
    choose,
    create_day,
    create_operation,
    invite,
    make_nomination,
    move,
    sign,
)
from planning.services.availability import sweep
from planning.services.parts import selection_hash
from targets.models import (
    Company,
    Disclosure,
    Industry,
    IndustryEdition,
    PastVisit,
    RetentionClass,
    Signal,
    Site,
)
from targets.services.search import refresh
from targets.services.sharing import disclose
from targets.services.signals import write_signal

_numbers = itertools.count(1)
PASSWORD = "a-long-test-password"
NAMES = {"OSH": "Occupational safety", "TAX": "Tax", "POL": "Police", "OUT": "Outsider"}


def make_region(code: str = "01", name: str = "Uusimaa") -> Area:
    region, _created = Area.objects.get_or_create(
        kind=AreaKind.REGION, country="FI", code=code, valid_from=None, defaults={"name_fi": name}
    )
    return region


def make_municipality(
    code: str = "091", name: str = "Helsinki", region: Area | None = None
) -> Area:
    area, _created = Area.objects.get_or_create(
        kind=AreaKind.MUNICIPALITY, country="FI", code=code, valid_from=None,
        defaults={"name_fi": name, "name_sv": f"{name}-sv", "region": region or make_region()},
    )  # fmt: skip
    return area


def make_authority(code: str = "OSH") -> Authority:
    authority, _created = Authority.objects.get_or_create(
        code=code,
        defaults={"name_fi": NAMES.get(code, code), "kind": "state_national", "inspects": True},
    )
    return authority


def make_unit(authority: Authority, code: str = "HEAD", parent: Unit | None = None) -> Unit:
    unit, _created = Unit.objects.get_or_create(
        authority=authority, code=code,
        defaults={"name_fi": f"{authority.name_fi} {code}", "parent": parent},
    )  # fmt: skip
    return unit


def make_user(**values: Any) -> User:
    number = next(_numbers)
    defaults = {
        "email": f"person{number}@test.example", "first_name": "Test", "last_name": f"P{number}",
        "password": PASSWORD, "language": "en",
    }  # fmt: skip
    return User.objects.create_user(**(defaults | values))


def make_actor(
    authority: str | Authority = "OSH",
    *roles: str,
    unit: Unit | None = None,
    regions: tuple[Area, ...] = (),
    user: User | None = None,
    **user_values: Any,
) -> Actor:
    """A person with a usable place: ``make_actor("TAX", "manager")``."""
    if isinstance(authority, str):
        authority = make_authority(authority)
    membership = add_membership(
        actor=None, user=user or make_user(**user_values), unit=unit or make_unit(authority),
        roles=roles or ("coordinator",), regions=regions,
    )  # fmt: skip
    return Actor(user=membership.user, membership=membership)


def make_industry(code: str = "56", name: str = "Restaurants") -> Industry:
    edition, _created = IndustryEdition.objects.get_or_create(
        code="TOL2025", defaults={"name_fi": "TOL 2025"}
    )
    industry, _created = Industry.objects.get_or_create(
        edition=edition, code=code, defaults={"level": 2, "path": code, "name_fi": name}
    )
    return industry


def make_company(**values: Any) -> Company:
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "name": f"Company {number}", "status": "active", "source": "test",
        "registered_on": dt.date(2015, 1, 1),
    }  # fmt: skip
    company = Company.objects.create(**(defaults | values))
    refresh(companies=[company.pk])
    return company


def make_site(**values: Any) -> Site:
    number = next(_numbers)
    area = values.pop("municipality", None) or make_municipality()
    defaults: dict[str, Any] = {
        "name": f"Site {number:04d}", "municipality": area, "region": area.region,
        "industry": make_industry(), "source": "test", "source_key": str(number),
        "status": "active",
    }  # fmt: skip
    if "company" not in values:
        defaults["company"] = make_company()
    site = Site.objects.create(**(defaults | values))
    refresh(sites=[site.pk])
    return site


def make_past_visit(site: Site, authority: str = "OSH", **values: Any) -> PastVisit:
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "on": timezone.localdate() - dt.timedelta(days=400), "outcome": "serious", "source": "test",
        "source_key": str(number),
    }  # fmt: skip
    return PastVisit.objects.create(
        site=site, authority=make_authority(authority), **(defaults | values)
    )


def make_term(kind: str, code: str, **values: Any) -> Term:
    term, _created = Term.objects.get_or_create(
        kind=kind, code=code, defaults={"name_fi": code, "name_en": code.replace("_", " ")} | values
    )
    return term


def make_ground(
    code: str, givers: list[str], receivers: list[str], information: str, **values: Any
) -> GroundVersion:
    """A published ground between authorities (codes), by default to give unasked at any time."""
    make_term("information", information)
    ground = Ground.objects.create(code=code)
    defaults: dict[str, Any] = {
        "mode": "own_initiative", "force": "permission", "text_fi": f"Ehto {code}",
        "basis": [{"act": "1/2000", "section": "1 §"}],
    }  # fmt: skip
    return GroundVersion.objects.create(
        ground=ground, number=1, state="published", published_at=timezone.now(), givers=givers,
        receivers=receivers, information=[information], **(defaults | values),
    )  # fmt: skip


def make_retention(code: str = "normal", days: int = 730) -> RetentionClass:
    row, _created = RetentionClass.objects.get_or_create(
        code=code, defaults={"name_fi": code, "days": days}
    )
    return row


def make_signal(actor: Actor, **values: Any) -> Signal:
    """A signal of the actor's authority on a site, through the service."""
    kind = make_term("information", values.pop("kind", "tip")).code
    about = "phenomenon" if "topic" in values else "company" if "company" in values else "site"
    if about == "site" and "site" not in values:
        values["site"] = make_site()
    defaults: dict[str, Any] = {
        "about": about, "kind": kind, "text": "Secret words of a signal", "purpose": "Supervision",
        "observed_on": timezone.localdate(), "retention": make_retention(),
    }  # fmt: skip
    return write_signal(actor=actor, **(defaults | values))


def give(actor: Actor, item: Any, receiver: Authority, **values: Any) -> Disclosure:
    """Disclose an item on a ground made for it (or given)."""
    mode = "own_initiative" if isinstance(item, Signal) else "mass_data"
    code = f"G-{actor.authority.code}-{receiver.code}-{item.kind}-{mode}"
    version = values.pop("ground", None) or (
        GroundVersion.objects.filter(ground__code=code).first()
        or make_ground(code, [actor.authority.code], [receiver.code], item.kind, mode=mode,
                       onward_allowed=True)
    )  # fmt: skip
    return disclose(
        actor=actor, item=item, receiver=receiver, ground=version,
        **({"purpose": "Its task"} | values),
    )  # fmt: skip


def make_checklist(authority: str) -> Checklist:
    checklist, created = Checklist.objects.get_or_create(
        authority=make_authority(authority), code="basic", edition=1,
        defaults={"name_fi": f"Checklist {authority}"},
    )  # fmt: skip
    if created:
        for order, text in enumerate(("Roster on display", "Records up to date"), start=1):
            ChecklistItem.objects.create(
                checklist=checklist, order=order, text_fi=text, legal_reference="872/2019 30 §"
            )
    return checklist


def world() -> None:
    """One region with two municipalities, and authorities with checklists."""
    region = make_region()
    make_municipality("091", "Helsinki", region)
    make_municipality("049", "Espoo", region)
    for code in ("OSH", "TAX", "POL"):
        make_checklist(code)


def make_available(operation: Operation) -> None:
    """Let the time pass until the availability of every nominated site is known."""
    with as_system("a test moves the clock"):
        operation.availabilities.update(due_at=timezone.now())
    sweep()


def set_rules(operation: Operation, **values: Any) -> SelectionSettings:
    """The operation's weights and rules; a test that draws nothing says so with a share of 0."""
    if values.get("random_share", 1) == 0:
        values.setdefault("no_draw", "A test of something else")
    row, _created = SelectionSettings.objects.update_or_create(operation=operation, defaults=values)
    return row


class Cast:
    """People of three authorities and one outsider, and an operation that they take along.

    ``actors["TAX", "manager"]`` is a person; ``to("signing")`` builds the operation up to a state
    through the services.
    """

    CODES = ("OSH", "TAX", "POL")
    ROLES = ("coordinator", "manager", "inspector", "analyst", "administrator")

    def __init__(self) -> None:
        world()
        self.actors = {
            (code, role): make_actor(code, role) for code in (*self.CODES, "OUT")
            for role in self.ROLES
        }  # fmt: skip
        self.lead = self.actors["OSH", "coordinator"]
        self.operation: Operation
        self.sites: list[Site] = []

    def refresh(self) -> Operation:
        self.operation = Operation.objects.get(pk=self.operation.pk)
        return self.operation

    def to(self, state: str, sites: int = 3, first: Site | None = None) -> Operation:
        """Build up to ``state`` with ``first`` among the sites; visits are planned for today."""
        steps = (
            ("draft", self._draft), ("inviting", self._invite), ("nominating", self._accept),
            ("selecting", self._nominate), ("signing", self._choose), ("scheduled", self._sign),
            ("executing", self._execute), ("feedback", self._record), ("closed", self._close),
        )  # fmt: skip
        self.sites = [first or make_site(), *(make_site() for _ in range(sites - 1))]
        for name, step in steps:
            step()
            if name == state:
                break
        return self.refresh()

    def _draft(self) -> None:
        today = timezone.localdate()
        self.operation = create_operation(
            actor=self.lead, name="Operation North", theme="Pay", aim="Find underpayment.",
            legal_purpose="44/2006", window_start=today - dt.timedelta(days=1),
            window_end=today + dt.timedelta(days=30), answer_by=today - dt.timedelta(days=1),
            nominate_by=today, regions=[make_region()], inspector_days_per_week=Decimal(5),
        )  # fmt: skip
        for code in self.CODES[1:]:
            actor = self.actors[code, "coordinator"]
            invite(
                actor=self.lead, operation=self.operation, authority=actor.authority,
                unit=actor.unit,
            )  # fmt: skip

    def _invite(self) -> None:
        move(actor=self.lead, operation=self.operation, arrow="invite")

    def place(self, code: str) -> Participation:
        return Participation.objects.select_related("operation", "authority").get(
            operation=self.operation, authority__code=code
        )

    def _accept(self) -> None:
        for code in self.CODES[1:]:
            actor = self.actors[code, "coordinator"]
            accept(
                actor=actor, place=self.place(code), unit=actor.unit,
                inspector_days_per_week=Decimal(2),
            )  # fmt: skip
        move(actor=self.lead, operation=self.refresh(), arrow="open_nominations")

    def _nominate(self) -> None:
        for number, site in enumerate(self.sites):
            code = self.CODES[number % len(self.CODES)]
            make_nomination(
                actor=self.actors[code, "coordinator"], operation=self.refresh(), site=site,
                reason=f"Reason of {code}", rating=3, own_note=f"Secret of {code}",
            )  # fmt: skip
        make_available(self.operation)
        move(actor=self.lead, operation=self.refresh(), arrow="start_selection")
        # The lottery comes first wherever a share is set; tests of it set one.
        set_rules(self.refresh(), random_share=0)

    def _choose(self) -> None:
        for entry in candidates(self.refresh()):
            choose(
                actor=self.lead, operation=self.operation, site=entry.site,
                state="picked" if entry.rank < len(self.sites) or len(self.sites) == 1 else "dropped",
                reason="Decided together",
            )  # fmt: skip
        move(actor=self.lead, operation=self.refresh(), arrow="ask_signatures")

    def _sign(self) -> None:
        for code in self.CODES:
            operation = self.refresh()
            sign(
                actor=self.actors[code, "manager"], operation=operation,
                shown_hash=selection_hash(operation), method="password",
            )  # fmt: skip

    def _execute(self) -> None:
        self.plan_day()
        move(actor=self.lead, operation=self.refresh(), arrow="start_execution")

    def plan_day(self) -> Any:
        members = [self.actors[code, "inspector"].membership for code in self.CODES[:2]]
        day = create_day(
            actor=self.lead, operation=self.refresh(), date=timezone.localdate(),
            team_name="Team 1", members=members, team_lead=members[0].user,
        )  # fmt: skip
        for choice in self.operation.choices.filter(state="picked").order_by("rank"):
            add_visit(actor=self.lead, day=day, site=choice.site)
        return day

    def visits(self) -> list[Visit]:
        return list(Visit.objects.filter(operation=self.operation).order_by("pk"))

    def record(self, visit: Visit, code: str) -> InspectionRecord:
        return InspectionRecord.objects.get(visit=visit, authority__code=code)

    def fill(self, record: InspectionRecord, actor: Actor) -> InspectionRecord:
        """Answer the checklist and the counts, so that only the outcome is left."""
        from execution.services import save_record

        items = record.checklist.items.all() if record.checklist else []
        return save_record(
            actor=actor, record=record, version=record.version,
            answers={item.pk: ("ok", "") for item in items}, counts={"people_met": 3},
        )  # fmt: skip

    def _record(self) -> None:
        from execution.services import add_finding, end_visit, start_visit, submit_record

        for visit in self.visits():
            osh, tax = self.actors["OSH", "inspector"], self.actors["TAX", "inspector"]
            start_visit(actor=osh, visit=visit)
            record = self.fill(self.record(visit, "OSH"), osh)
            add_finding(
                actor=osh, record=record, severity="serious", text="Secret finding of OSH",
                legal_reference="44/2006 13 §",
            )  # fmt: skip
            submit_record(actor=osh, record=record, outcome="serious")
            submit_record(
                actor=tax, record=self.fill(self.record(visit, "TAX"), tax), outcome="no_remarks"
            )
            end_visit(actor=osh, visit=visit)
        move(actor=self.lead, operation=self.refresh(), arrow="start_feedback")

    def _close(self) -> None:
        move(actor=self.lead, operation=self.refresh(), arrow="close")
