"""A small register that is told of things in any order, for tests of what was known when."""

import datetime as dt
from typing import Any

from django.utils import timezone
from hypothesis import strategies as st

from targets.models import (
    Company,
    CompanyRegistration,
    Fact,
    ImportRun,
    Link,
    PastVisit,
    RegisterChange,
    Site,
)
from targets.services.imports.changed import tell
from tests.factories import (
    make_actor,
    make_authority,
    make_company,
    make_industry,
    make_municipality,
    make_past_visit,
    make_signal,
    make_site,
)
from tests.risk.engine.factories import make_indicator, make_model

OUTCOMES = ("no_remarks", "minor", "serious", "severe")
PLACES = ("091", "049")
INDUSTRIES = ("56", "41")
POSTAL = ("00100", "02100")
SMALL = st.integers(0, 7)
UNMAKE = "visit unmade"  # as when an import is undone: it is gone from the past as well
WHAT = (
    "visit", "said over", "fact", "end of a fact", "signal", "link", "end of a link",
    "entry", "end of an entry", "place", "industry", "company", "staff", "company's industry",
    "status", "new site",
)  # fmt: skip
# What is told of the register: what, of which row, what it says, how far it lies back.
TOLD = st.tuples(st.sampled_from(WHAT), SMALL, SMALL, SMALL)
TOLD_OR_UNMADE = st.tuples(st.sampled_from((*WHAT, UNMAKE)), SMALL, SMALL, SMALL)
RATES = [{"below": 10 * k, "points": 3 * k} for k in range(1, 10)] + [{"below": None, "points": 30}]
CURVE = {"calibration": [[0, 0.05, 0.02, 0.2], [20, 0.8, 0.7, 0.9]]}
COUNT = {"measure": "count", "within_days": 900}


def near(what: str) -> dict[str, Any]:
    return {"measure": "neighbours", "near": what, "within_days": 900, "least": 1}


def make_models() -> None:
    """A joint model and one that OSH keeps to itself, which read everything a history tells."""
    make_model([
        make_indicator("visits", near("both"), bins=RATES),
        make_indicator("visits", near("municipality"), bins=RATES),
        make_indicator("visits", near("industry"), bins=RATES),
        make_indicator("visits", COUNT, half_life_days=200),
        make_indicator("register", {"measure": "sites"}),
        make_indicator("register", {"measure": "staff"}),
        make_indicator("register", {"measure": "status_in", "statuses": ["ceased"]}),
        make_indicator("register", {"measure": "struck", "registers": ["vat"]}),
        make_indicator("links", {"measure": "employers"}),
        make_indicator("facts", COUNT | {"kind": "tax_debt"}),
    ], params=CURVE)  # fmt: skip
    make_model([
        make_indicator("visits", near("postal_code"), bins=RATES, authority="OSH"),
        make_indicator("visits", {"measure": "level"}, authority="OSH"),
        make_indicator("signals", COUNT, authority="OSH", half_life_days=90),
        make_indicator("facts", {"measure": "last", "kind": "tax_debt", "field": "amount"},
                       bins=RATES, authority="OSH"),
    ], joint=False, params=CURVE)  # fmt: skip


class History:
    """Sites of two places, industries and companies; ``tell`` makes or changes a row, known now."""

    def __init__(self, sites: int = 5) -> None:
        self.osh = make_actor("OSH")
        self.municipalities = [make_municipality(code, f"Place {code}") for code in PLACES]
        self.industries = [make_industry(code, f"Industry {code}") for code in INDUSTRIES]
        self.companies = [make_company(industry=self.industries[k % 2]) for k in range(3)]
        self.numbers = iter(range(10_000))
        for k in range(sites):
            self.site(k)

    def site(self, k: int) -> Site:
        return make_site(
            municipality=self.municipalities[k % 2], company=self.companies[k % 3],
            industry=None if k % 2 else self.industries[k // 2 % 2],
            postal_code=POSTAL[k // 2 % 2], staff_estimate=3 * k,
        )  # fmt: skip

    def tell(self, what: str, row: int, said: int, days: int) -> None:
        """One thing; where there is no row to change nothing happens."""
        now = timezone.now()
        sites = list(Site.objects.order_by("pk"))
        site = sites[row % len(sites)]
        on = timezone.localdate() - dt.timedelta(days=1 + 9 * days)
        owner = ("OSH", "TAX")[said % 2]
        if what == "visit":
            visit = make_past_visit(
                site, owner, on=on, outcome=OUTCOMES[said % 4], shared=days % 3 != 0
            )
            PastVisit.objects.filter(pk=visit.pk).update(known_from=now)
        elif what == "said over":
            self._said_over(PastVisit.objects.order_by("pk"), row, ("outcome", "shared"),
                            outcome=OUTCOMES[said % 4], shared=days % 2 == 0)  # fmt: skip
        elif what == UNMAKE:
            found = list(PastVisit.objects.order_by("pk"))
            for visit in found[row % len(found) :][:1] if found else ():
                visit.delete()
        elif what == "fact":
            self._fact(site, owner, said, on, days)
        elif what == "end of a fact":
            self._change(Fact.objects.filter(known_to=None).order_by("pk"), row, known_to=now)
        elif what == "signal":
            subject = {"company": site.company} if said % 2 else {"site": site}
            make_signal(self.osh, observed_on=on, **subject)
        elif what == "link":
            Link.objects.get_or_create(
                kind=("works_at", "lodges")[said % 2], from_company=self.companies[days % 3],
                to_site=site, defaults={"source": "x", "valid_from": on},
            )  # fmt: skip
        elif what == "end of a link":
            today = timezone.localdate()
            self._said_over(Link.objects.order_by("pk"), row, ("valid_to",), valid_to=today)
        elif what == "entry":
            CompanyRegistration.objects.create(
                company=site.company, register=("vat", "employer")[said % 2], valid_from=on,
                entry=str(next(self.numbers)), known_from=now,
            )  # fmt: skip
        elif what == "end of an entry":
            rows = CompanyRegistration.objects.filter(valid_to=None).order_by("pk")
            self._change(rows, row, valid_to=timezone.localdate(), end_known_from=now)
        elif what == "new site":
            tell(sites=[self.site(said).pk], companies=[])
        else:
            self._register(what, site, said)

    def _fact(self, site: Site, owner: str, said: int, on: dt.date, days: int) -> None:
        subject: dict[str, Any] = {"company": site.company} if said % 3 == 0 else {"site": site}
        Fact.objects.create(
            kind="tax_debt", value={"amount": 100 * said}, valid_from=on,
            valid_to=on + dt.timedelta(days=40) if days % 2 else None, known_from=timezone.now(),
            source="test", source_key=str(next(self.numbers)), authority=make_authority(owner),
            shared=said % 4 != 0, **subject,
        )  # fmt: skip

    def _change(self, rows: Any, row: int, **values: Any) -> None:
        found = list(rows)
        if found:
            type(found[0]).objects.filter(pk=found[row % len(found)].pk).update(**values)

    def _said_over(self, rows: Any, row: int, kept: tuple[str, ...], **values: Any) -> None:
        """What an import says of a row of an earlier one: the former stays beside it."""
        found = list(rows)
        if not found:
            return
        one = found[row % len(found)]
        run = ImportRun.objects.create(
            kind="visits", format="x", file_name="x", authority=make_authority("OSH"),
            state="done", finished_at=timezone.now(),
        )  # fmt: skip
        former = {name: getattr(one, name) for name in kept} | {"run": one.run_id}
        former = {k: v.isoformat() if isinstance(v, dt.date) else v for k, v in former.items()}
        self._change(rows, row, run_id=run.pk, previous=[*one.previous, former], **values)

    def _register(self, what: str, site: Site, said: int) -> None:
        of_company = what in ("company's industry", "status")
        target: Site | Company = site.company if of_company else site
        new = {
            "place": {"municipality_id": self.municipalities[said % 2].pk,
                      "postal_code": POSTAL[said // 2 % 2]},
            "industry": {"industry_id": (None, *[i.pk for i in self.industries])[said % 3]},
            "company": {"company_id": self.companies[said % 3].pk},
            "staff": {"staff_estimate": 4 * said},
            "company's industry": {"industry_id": self.industries[said % 2].pk},
            "status": {"status": ("active", "ceased")[said % 2]},
        }.get(what)  # fmt: skip
        if new is None:
            return
        old = {name: getattr(target, name) for name in new if getattr(target, name) != new[name]}
        if not old:
            return
        type(target).objects.filter(pk=target.pk).update(**new)
        name = "company" if of_company else "site"
        RegisterChange.objects.create(
            **{name: target}, old=old, new={k: new[k] for k in old}, source="x", at=timezone.now()
        )
        tell(sites=[] if of_company else [target.pk], companies=[target.pk] if of_company else [])
