"""Signals, disclosures, a request, a hand-over and a named hold of the demonstration set."""

import datetime as dt
import random

from django.db import transaction

from authorities.actors import Actor
from authorities.gateway import answer
from demo.load import Say, stable_id
from planning.models import Hold
from planning.services import set_hold
from targets.models import Offer, RetentionClass, Signal, Site
from targets.services.handovers import hand_over
from targets.services.offers import accept_offer
from targets.services.sharing import ask
from targets.services.signals import write_signal

# Authority, kind of information, words: stand-ins for what inspectors write.
SEEN = (
    ("LVV_OSH", "employment_terms", "Työvuoroluettelo puuttui ja palkkaa maksettiin käteisellä."),
    ("LVV_OSH", "working_conditions", "Koneista puuttui suojia, eikä perehdytystä ollut kirjattu."),
    ("LVV_OSH", "foreign_labour", "Työnteko-oikeuden tiedot puuttuivat osalta työntekijöistä."),
    ("LVV_OSH", "contractor_liability", "Tilaajan selvitykset olivat yli vuoden vanhoja."),
    ("TAX", "payroll", "Ilmoitetut palkat olivat pieniä aukioloaikoihin nähden."),
    ("TAX", "tax_debt", "Verovelkaa ilman maksujärjestelyä."),
    ("POLICE", "tip", "Vihje: työntekijät asuvat työpaikan yhteydessä."),
    ("BORDER", "border_observation", "Usea työntekijä saapui samalla kuljetuksella samana päivänä."),
    ("MIGRI", "residence_and_work_permit", "Lupahakemuksissa sama osoite usealla työnantajalla."),
)  # fmt: skip
PURPOSE = "Valvonnan kohdentaminen"


@transaction.atomic  # outside a transaction the database works for nobody
def load_sharing(actors: dict[str, list[Actor]], today: dt.date, say: Say) -> None:
    """Some weeks of signals and what was done with them; loaded again, nothing doubles."""
    rng = random.Random(20260514)  # the same set each time, no secret
    sites = list(Site.objects.filter(status="active", company__isnull=False).order_by("pk")[:400])
    retention = RetentionClass.objects.get(code="normal")
    for number, site in enumerate(rng.sample(sites, min(45, len(sites)))):
        code, kind, text = SEEN[number % len(SEEN)]
        if code not in actors:
            continue
        seen = {"ILO08": "seen"} if kind == "employment_terms" else {}
        write_signal(
            actor=rng.choice(actors[code]), about="site", site=site, kind=kind, text=text,
            purpose=PURPOSE, retention=retention, indicators=seen,
            observed_on=today - dt.timedelta(days=rng.randint(1, 90)),
            reliability=rng.choice("ABBC"), accuracy=rng.choice("1233"),
            client_id=stable_id("signal", number),
        )  # fmt: skip
    _decide_offers(actors, rng)
    _ask_and_hand_over(actors, today)
    _hold(actors, sites)
    say(f"Signals: {Signal.objects.count()}")


def _decide_offers(actors: dict[str, list[Actor]], rng: random.Random) -> None:
    """Every third offer is accepted; the others wait for whoever tries the set."""
    offers = Offer.objects.filter(state="open").select_related("ground", "authority", "signal")
    for number, offer in enumerate(offers.order_by("pk")):
        if number % 3 == 0:
            accept_offer(
                actor=rng.choice(actors[offer.authority.code]), offer=offer,
                confirmed=offer.ground.requires,
            )  # fmt: skip


def _ask_and_hand_over(actors: dict[str, list[Actor]], today: dt.date) -> None:
    osh, tax = actors["LVV_OSH"][0], actors["TAX"][0]
    if osh.authority.asked.exists():
        return
    own = Signal.objects.filter(authority=osh.authority, kind="employment_terms").order_by("pk")
    signal = own.select_related("site__company", "authority", "company").first()
    if signal is None:
        return
    ask(
        actor=osh, holder=tax.authority, kind="payroll", site=signal.site, purpose=PURPOSE,
        necessity="Palkkatiedot tarvitaan vähimmäisehtojen valvontaan.",
        deadline=today + dt.timedelta(days=10),
    )  # fmt: skip
    found = answer(osh.authority, tax.authority, signal.kind)
    if found.may_give_now:
        hand_over(
            actor=osh, signal=signal, receiver=tax.authority, ground=found.grounds[0],
            confirmed=found.grounds[0].requires, deadline=today + dt.timedelta(days=10),
            message="Palkkoja näyttää jääneen ilmoittamatta.",
        )  # fmt: skip


def _hold(actors: dict[str, list[Actor]], sites: list[Site]) -> None:
    """A named hold, so that its words can be seen; a silent one would be seen by nobody."""
    police = actors["POLICE"]
    superior = next((a for a in police if a.has_role("manager")), None)
    setter = next((a for a in police if a.has_role("coordinator")), None)
    if superior is None or setter is None or Hold.objects.exists():
        return
    set_hold(
        actor=setter, target=sites[-1], kind="named", liaison="Poliisin yhteyshenkilö, 0295 000",
        reason="Asia on poliisin selvitettävänä.", superior=superior.user,
    )  # fmt: skip
