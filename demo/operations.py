"""Seven operations of the demonstration set, each left in another state; one closed with results."""

import datetime as dt
import random
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from authorities.actors import Actor
from authorities.models import Area, Membership
from demo.load import Say, capacity, stable_id
from execution.models import InspectionRecord, Visit
from execution.services import (
    add_finding,
    end_visit,
    mark_not_possible,
    save_record,
    start_visit,
    submit_record,
)
from feedback.services import close_measure, open_measure, write_debrief
from planning.candidates import candidates
from planning.documents import make_records
from planning.models import Operation, Participation
from planning.services import (
    accept,
    add_to_pool,
    add_visit,
    choose,
    create_day,
    create_operation,
    invite,
    make_nomination,
    move,
    order_by_distance,
    plan_days,
    sign,
)
from planning.services.availability import sweep
from planning.services.lottery import commit, draw
from planning.services.meetings import decide, give_voice, join, open_item, open_meeting
from planning.services.parts import selection_hash
from planning.services.runs import ask_run, claim, perform
from targets.models import Industry, Site

PURPOSE = (
    "Työsuojeluvalvonta (44/2006), verovalvonta (1558/1995) ja ulkomaalaisvalvonta (301/2004), "
    "kukin viranomainen omalla toimivallallaan."
)


@dataclass(frozen=True)
class Plan:
    """What one operation of the set is about, and how far it has come."""

    name: str
    theme: str
    aim: str
    lead: str
    others: tuple[str, ...]
    regions: tuple[str, ...]
    industries: tuple[str, ...]
    start: int  # first day of the window, days from today
    reach: str  # state to leave it in


PLANS = (
    Plan("Ravintolat, Uusimaa", "Palkat ja työajat ravintoloissa",
         "Löytää alipalkkausta ja pimeää työtä ravintoloista.", "LVV_OSH",
         ("TAX", "POLICE", "LVV_ALCOHOL"), ("01",), ("56",), -70, "closed"),
    Plan("Rakennustyömaat, Pirkanmaa", "Lähetetyt työntekijät rakennusalalla",
         "Tarkastaa lähetettyjen työntekijöiden ehdot ja työnteko-oikeudet.", "LVV_OSH",
         ("TAX", "POLICE", "BORDER"), ("06",), ("41", "43"), -2, "executing"),
    Plan("Kauneushoitolat, Varsinais-Suomi", "Hyväksikäyttö kauneus- ja hierontapalveluissa",
         "Tunnistaa ihmiskaupan merkkejä kauneus- ja hierontapalveluissa.", "POLICE",
         ("LVV_OSH", "TAX", "MIGRI"), ("02",), ("96",), 14, "scheduled"),
    Plan("Siivousala, Pohjois-Pohjanmaa", "Työsuhteen ehdot siivousalalla",
         "Valvoa työsuhteen vähimmäisehtoja siivousalan alihankintaketjuissa.", "TAX",
         ("LVV_OSH", "ETK"), ("17",), ("81",), 28, "signing"),
    Plan("Marja- ja puutarha-ala, Savo", "Kausityö maatiloilla ja puutarhoissa",
         "Valvoa kausityöntekijöiden ehtoja ja majoitusta.", "LVV_OSH",
         ("BORDER", "TAX", "CUSTOMS"), ("10", "11"), ("01",), 45, "nominating"),
    Plan("Majoitus ja ravintolat, Keski-Suomi ja Häme", "Vuokratyö majoitus- ja ravintola-alalla",
         "Valita yhdessä paras käyntien joukko kolmen viranomaisen voimille.", "LVV_OSH",
         ("TAX", "LVV_ALCOHOL"), ("05", "07", "13"), ("55", "56"), 35, "selecting"),
    Plan("Autokorjaamot ja pesulat, Kymenlaakso", "Pimeä työ autoalalla",
         "Selvittää työnteko-oikeuksia ja kuittikäytäntöjä autokorjaamoissa.", "BORDER",
         ("TAX", "CUSTOMS"), ("08", "09"), ("95",), 60, "draft"),
)  # fmt: skip


def load_operations(actors: dict[str, list[Actor]], today: dt.date, say: Say) -> None:
    """Build every plan that is not there yet."""
    for number, plan in enumerate(PLANS):
        if Operation.objects.filter(name=plan.name).exists():
            continue
        with transaction.atomic():
            operation = _Builder(plan, actors, today, number).build()
            Operation.objects.filter(pk=operation.pk).update(
                public_id=stable_id("operation", plan.name)
            )
        operation.refresh_from_db()
        if operation.state in ("scheduled", "executing", "feedback", "closed"):
            make_records(operation)
        say(f"  {operation.number} {operation.name}: {operation.state}")


class _Builder:
    def __init__(
        self, plan: Plan, actors: dict[str, list[Actor]], today: dt.date, number: int
    ) -> None:
        self.plan = plan
        self.actors = actors
        self.today = today
        self.rng = random.Random(100 + number)
        self.lead = actors[plan.lead][0]
        self.operation: Operation

    def refresh(self) -> Operation:
        self.operation.refresh_from_db()
        return self.operation

    def move(self, arrow: str) -> None:
        move(actor=self.lead, operation=self.refresh(), arrow=arrow)

    def build(self) -> Operation:
        """Take the operation through its steps until the state it is to be left in."""
        self.create()
        steps = (
            ("draft", lambda: None),
            ("nominating", self.invite_all),
            ("selecting", self.propose),
            ("signing", self.select),
            ("scheduled", self.sign_all),
            ("executing", self.execute),
            ("closed", self.finish),
        )
        for state, step in steps:
            step()
            if state == self.plan.reach:
                break
        return self.refresh()

    def create(self) -> None:
        plan = self.plan
        start = self.today + dt.timedelta(days=plan.start)
        self.operation = create_operation(
            actor=self.lead, name=plan.name, theme=plan.theme, aim=plan.aim,
            legal_purpose=PURPOSE, window_start=start, window_end=start + dt.timedelta(days=30),
            answer_by=start - dt.timedelta(days=35), nominate_by=start - dt.timedelta(days=21),
            regions=list(Area.objects.filter(kind="region", country="FI", code__in=plan.regions)),
            industries=list(
                Industry.objects.filter(edition__code="TOL2025", code__in=plan.industries)
            ),
            inspector_days_per_week=capacity(self.lead)["inspector_days_per_week"],
        )  # fmt: skip
        for code in plan.others:
            actor = self.actors[code][0]
            invite(
                actor=self.lead, operation=self.operation, authority=actor.authority,
                unit=actor.unit, message="Tervetuloa mukaan.",
            )  # fmt: skip

    def invite_all(self) -> None:
        self.move("invite")
        for number, code in enumerate(self.plan.others):
            # In the operation that is still nominating one authority has not answered yet.
            if self.plan.reach == "nominating" and number == len(self.plan.others) - 1:
                continue
            actor = self.actors[code][0]
            place = Participation.objects.select_related("operation").get(
                operation=self.operation, authority=actor.authority
            )
            values: dict[str, Any] = capacity(actor)
            accept(actor=actor, place=place, **values)
        self.move("open_nominations")
        self.nominate()

    def nominate(self) -> None:
        sites = list(
            Site.objects.filter(
                source="demo", status="active", region__in=self.operation.regions.all(),
                industry__code__regex=f"^({'|'.join(self.plan.industries)})",
            ).order_by("source_key")[:60]
        )  # fmt: skip
        reasons = (
            "Useita vihjeitä liian pienistä palkoista.",
            "Työntekijämäärä ei vastaa ilmoitettuja palkkoja.",
            "Edellisellä käynnillä puutteita työaikakirjanpidossa.",
            "Uusi yritys, josta ei ole aiempaa tietoa.",
            "Aukioloajat eivät sovi ilmoitettuun henkilöstöön.",
        )
        for code in (self.plan.lead, *self.plan.others[:2]):
            actor = self.actors[code][0]
            for site in self.rng.sample(sites, min(5, len(sites))):
                make_nomination(
                    actor=actor, operation=self.refresh(), site=site,
                    reason=self.rng.choice(reasons), rating=self.rng.randint(2, 5),
                    own_note="Oma tieto, ei jaettu." if self.rng.random() < 0.4 else "",
                )  # fmt: skip

    def propose(self) -> None:
        """Open the selection and draw; the operation left there has a pool and a proposal too."""
        if self.plan.reach == "selecting":
            known = Site.objects.filter(
                source="demo", status="active", region__in=self.operation.regions.all(),
                industry__code__regex=f"^({'|'.join(self.plan.industries)})",
            )  # fmt: skip
            add_to_pool(actor=self.lead, operation=self.refresh(), sites=known)
        self.move("start_selection")
        # The set is made in one go: the instant at which targets are checked is taken to be now.
        self.operation.availabilities.update(due_at=timezone.now())
        sweep()
        commit(actor=self.lead, operation=self.refresh())
        draw(actor=self.lead, operation=self.refresh())
        if self.plan.reach == "selecting":
            run = ask_run(actor=self.lead, operation=self.refresh())
            claimed = claim(run.pk)
            assert claimed is not None
            perform(claimed)
            self.meet()

    def meet(self) -> None:
        """A meeting under way: two items decided, the third being discussed with one consent."""
        meeting = open_meeting(actor=self.lead, operation=self.refresh())
        speaker = self.actors[self.plan.others[0]][0]
        join(actor=speaker, meeting=meeting)
        for number, item in enumerate(meeting.items.order_by("order")[:3]):
            open_item(actor=self.lead, item=item)
            give_voice(actor=speaker, item=item, state="consent")
            if number < 2:
                decide(
                    actor=self.lead, item=item, state="picked",
                    reason="Ehdotettu, ja kaikki läsnä olevat puoltavat.",
                )  # fmt: skip

    def select(self) -> None:
        open_sites = set(
            self.operation.availabilities.filter(state="available").values_list(
                "site_id", flat=True
            )
        )
        rows = candidates(self.refresh())
        # What was drawn is visited, and the best of the list beside it.
        rows.sort(key=lambda row: row.drawn is None)
        chosen = 0
        for entry in rows:
            picked = chosen < 6 and entry.site.pk in open_sites
            chosen += picked
            choose(
                actor=self.lead, operation=self.operation, site=entry.site,
                state="picked" if picked else "dropped",
                reason="Arvottu ennen valintaa."
                if entry.drawn
                else "Pisteet ja useampi ehdottaja."
                if picked
                else "Ei mahdu tähän kierrokseen.",
            )  # fmt: skip
        self.move("ask_signatures")
        if self.plan.reach == "signing":
            self._sign(self.plan.lead)

    def _sign(self, code: str) -> None:
        manager = self.actors[code][1]
        operation = self.refresh()
        sign(
            actor=manager, operation=operation, shown_hash=selection_hash(operation),
            method="demonstration",
        )  # fmt: skip

    def sign_all(self) -> None:
        for code in (self.plan.lead, *self.plan.others):
            self._sign(code)
        if self.plan.reach == "scheduled":
            plan_days(
                actor=self.lead, operation=self.refresh(), starts_at=dt.time(9),
                ends_at=dt.time(16), minutes=90,
            )  # fmt: skip

    def _team(self, number: int) -> list[Membership]:
        codes = (self.plan.lead, *self.plan.others[:2])
        return [self.actors[code][2 + number % 2].membership for code in codes]

    def _plan_days(self) -> None:
        picked = list(
            Site.objects.filter(
                choices__operation=self.operation, choices__state="picked"
            ).order_by("choices__rank")
        )
        offset = 2 if self.plan.reach == "executing" else 4
        for number in range(2):
            team = self._team(number)
            day = create_day(
                actor=self.lead, operation=self.refresh(),
                date=self.operation.window_start + dt.timedelta(days=offset + number),
                team_name=f"Ryhmä {number + 1}", members=team, team_lead=team[0].user,
                starts_at=dt.time(9, 0), ends_at=dt.time(16, 0),
                meeting_point="Virastotalo, pääovi",
                vehicles=list(self.lead.authority.vehicles.order_by("seats")[number : number + 1]),
            )  # fmt: skip
            for site in picked[number::2]:
                add_visit(actor=self.lead, day=day, site=site)
            order_by_distance(actor=self.lead, day=day)

    def execute(self) -> None:
        self._plan_days()
        self.move("start_execution")
        visits = list(Visit.objects.filter(operation=self.operation).order_by("pk"))
        todo = visits[:2] if self.plan.reach == "executing" else visits
        for number, visit in enumerate(todo):
            self._visit(visit, number)

    def _visit(self, visit: Visit, number: int) -> None:
        members = visit.planned.day.members.select_related("user", "authority").order_by("pk")
        actors = [
            next(a for a in self.actors[m.authority.code] if a.user.pk == m.user_id)
            for m in members
        ]
        if number == 4:
            mark_not_possible(actor=actors[0], visit=visit, reason="closed", note="Ovet lukossa.")
            return
        start_visit(actor=actors[0], visit=visit)
        for actor in actors:
            record = InspectionRecord.objects.select_related("checklist").get(
                visit=visit, authority=actor.authority
            )
            if not (self.plan.reach == "executing" and number == 1 and actor is actors[-1]):
                self._record(actor, record, number)
        if not (self.plan.reach == "executing" and number == 1):
            end_visit(actor=actors[0], visit=visit)

    def _record(self, actor: Actor, record: InspectionRecord, number: int) -> None:
        bad = self.rng.random() < 0.55
        items = list(record.checklist.items.order_by("order")) if record.checklist else []
        answers = {i.pk: ("ok", "") for i in items}
        if bad and items:
            answers[items[0].pk] = ("not_ok", "")
        record = save_record(
            actor=actor, record=record, version=record.version, answers=answers,
            counts={"people_met": 4 + number, "people_interviewed": 2 + number % 2,
                    "people_without_right_to_work": 1 if bad and number % 3 == 0 else 0,
                    "minors_met": 0},
            summary="",
        )  # fmt: skip
        outcome = "no_remarks"
        if bad:
            severity = self.rng.choice(("moderate", "serious"))
            add_finding(
                actor=actor, record=record, severity=severity,
                text="Tiedot puuttuivat tarkastushetkellä.",
                legal_reference=items[0].legal_reference if items else "44/2006 13 §",
                client_id=stable_id("finding", self.plan.name, number, actor.authority.code),
            )  # fmt: skip
            outcome = "serious" if severity == "serious" else "remarks"
        submit_record(actor=actor, record=record, outcome=outcome)

    def finish(self) -> None:
        """Backdate the visits to their days, then follow up, debrief and close."""
        for visit in Visit.objects.filter(operation=self.operation).select_related("planned__day"):
            back = dt.timedelta(days=(self.today - visit.planned.day.date).days)
            Visit.objects.filter(pk=visit.pk).update(
                started_at=F("started_at") - back, ended_at=F("ended_at") - back
            )
        self.move("start_feedback")
        self._measures()
        for code in (self.plan.lead, *self.plan.others[:2]):
            write_debrief(
                actor=self.actors[code][0], operation=self.refresh(),
                went_well="Yhteinen aloitus säästi aikaa ja kysymyksiä.",
                to_improve="Tulkki olisi pitänyt varata aikaisemmin.",
                lessons="Sovitaan ensi kerralla, kuka ottaa ensimmäisenä yhteyttä.",
            )  # fmt: skip
        self.move("close")

    def _measures(self) -> None:
        records = (
            InspectionRecord.objects.filter(visit__operation=self.operation, state="submitted")
            .exclude(outcome="no_remarks")
            .select_related("visit__operation", "visit__site", "visit__planned__day", "authority")
            .order_by("pk")
        )
        kinds = {"LVV_OSH": "improvement_notice", "TAX": "tax_audit"}
        for made, record in enumerate(records):
            actor = self.actors[record.authority.code][2]
            measure = open_measure(
                actor=actor, visit=record.visit,
                kind=kinds.get(record.authority.code, "follow_up_inspection"),
                deadline=self.today + dt.timedelta(days=(-12, 20, 45)[made % 3]),
                description="Korjattava määräajassa.",
            )  # fmt: skip
            if made % 4 == 3:
                close_measure(actor=actor, measure=measure, result="complied")
