"""Changing a ground: a new version, its test cases, and a second person before it takes effect."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.gateway import (
    NOT_BY_THIS,
    OUTCOMES,
    Books,
    Register,
    cases_with,
    open_books,
    register_on,
    run_cases,
)
from authorities.models import (
    Authority,
    AuthorityGroup,
    Ground,
    GroundState,
    GroundVersion,
    Role,
    Term,
    TermKind,
)

if TYPE_CHECKING:
    from authorities.actors import Actor

EDITABLE = (
    "kind", "givers", "receivers", "information", "mode", "force", "requires", "basis", "text_fi",
    "text_sv", "text_en", "onward", "onward_allowed", "valid_from", "valid_to", "test_cases",
    "note",
)  # fmt: skip
EXPECTATIONS = {*OUTCOMES, NOT_BY_THIS}
# Held while a version is published: two grounds that are fine alone may contradict each other.
PUBLISHING = 0x7461726B6B61


class CasesFail(RuleViolation):
    """Test cases that would fail with the version published; ``cases`` names each in a line."""

    def __init__(self, cases: list[str]) -> None:
        super().__init__(
            ngettext(
                "%(count)s test case fails, so nothing was published: %(cases)s",
                "%(count)s test cases fail, so nothing was published: %(cases)s",
                len(cases),
            )
            % {"count": len(cases), "cases": "; ".join(cases)}
        )
        self.cases = cases


def _gives(actor: "Actor", version: GroundVersion, register: Register | None) -> bool:
    """Whether the ground lets the actor's authority give: as published now, and by this version.

    Both, so that a draft cannot take a ground out of the hands of those whose ground it is.
    """
    register = register or register_on(timezone.localdate())
    published = (
        GroundVersion.objects.filter(ground_id=version.ground_id, state=GroundState.PUBLISHED)
        .order_by("-number")
        .first()
    )
    code = actor.authority.code
    return all(register.names(v.givers, code) for v in (published, version) if v is not None)


def may_edit(actor: "Actor", version: GroundVersion, register: Register | None = None) -> bool:
    """Administrators of an authority that the ground lets give, and of the installation.

    ``register`` saves reading it when several versions are asked about.
    """
    if actor.user.is_superuser:
        return True
    return actor.has_role(Role.ADMINISTRATOR) and _gives(actor, version, register)


def may_decide(actor: "Actor", version: GroundVersion, register: Register | None = None) -> bool:
    """A second person: administrator or manager of an authority that the ground lets give."""
    if actor.user.pk in (version.drafted_by_id, *version.writers):
        return False
    if actor.user.is_superuser:
        return True
    return actor.has_role(Role.ADMINISTRATOR, Role.MANAGER) and _gives(actor, version, register)


def _locked(version: GroundVersion) -> GroundVersion:
    Ground.objects.select_for_update().get(pk=version.ground_id)
    return GroundVersion.objects.select_related("ground", "decided_by").get(pk=version.pk)


@service
def draft_version(*, actor: "Actor", ground: Ground) -> GroundVersion:
    """Open a draft that starts as the latest version; the open draft is returned if there is one."""
    Ground.objects.select_for_update().get(pk=ground.pk)
    latest = ground.versions.order_by("-number")[0]
    base = ground.versions.filter(state=GroundState.PUBLISHED).order_by("-number").first() or latest
    waiting = ground.versions.filter(state__in=[GroundState.DRAFT, GroundState.SUBMITTED]).first()
    if not may_edit(actor, waiting or base):
        raise NotAllowed(
            _("Only administrators of an authority that gives may change this ground.")
        )
    if waiting is not None:
        return waiting
    values = {name: getattr(base, name) for name in EDITABLE if name != "note"}
    draft = GroundVersion.objects.create(
        ground=ground, number=latest.number + 1, drafted_by=actor.user,
        writers=[actor.user.pk], confidence=base.confidence, **values,
    )  # fmt: skip
    record(actor=actor, verb="ground.drafted", subject=ground, data={"number": draft.number})
    return draft


@service
def create_ground(*, actor: "Actor", code: str, **values: Any) -> GroundVersion:
    """A new ground with its first draft. ``values`` are those of ``save_draft``."""
    code = code.strip().upper()
    if not code:
        raise RuleViolation(_("Give the ground a code, for example D-OSH-14."), field="code")
    if not actor.user.is_superuser and not actor.has_role(Role.ADMINISTRATOR):
        raise NotAllowed(_("Only administrators may add a ground."))
    try:
        with transaction.atomic():
            ground = Ground.objects.create(code=code)
    except IntegrityError:
        raise RuleViolation(
            _("There is a ground %(code)s already. Choose another code.") % {"code": code},
            field="code",
        ) from None
    draft = GroundVersion(ground=ground, number=1, drafted_by=actor.user, writers=[actor.user.pk])
    _take(draft, values)
    if not may_edit(actor, draft):
        raise RuleViolation(_("Name your own authority among those that give."), field="givers")
    draft.save()
    record(actor=actor, verb="ground.drafted", subject=ground, data={"number": 1})
    return draft


@service
def save_draft(
    *, actor: "Actor", version: GroundVersion, shown: int, **values: Any
) -> GroundVersion:
    """Change an open draft; ``shown`` is the edit counter of the page that was filled in."""
    version = _locked(version)
    if not may_edit(actor, version):
        raise NotAllowed(
            _("Only administrators of an authority that gives may change this ground.")
        )
    if version.state != GroundState.DRAFT:
        raise RuleViolation(_("Only a draft can be changed. Make a new version."))
    if version.version != shown:
        raise Conflict(_("Somebody has changed this draft since you opened it. Read it again."))
    _take(version, values)
    if not may_edit(actor, version):
        raise RuleViolation(_("Name your own authority among those that give."), field="givers")
    version.version += 1
    # Whoever wrote in it cannot be the second person, however little it was.
    version.writers = sorted({*version.writers, actor.user.pk})
    version.save()
    record(
        actor=actor, verb="ground.changed", subject=version.ground, data={"number": version.number}
    )
    return version


def _take(version: GroundVersion, values: dict[str, Any]) -> None:
    """Put checked values into a draft; raises RuleViolation that names the field."""
    for name, value in values.items():
        if name not in EDITABLE:
            raise ValueError(name)
        setattr(version, name, value)
    names = {*Authority.objects.values_list("code", flat=True),
             *AuthorityGroup.objects.values_list("code", flat=True)}  # fmt: skip
    for field in ("givers", "receivers"):
        unknown = [code for code in getattr(version, field) if code not in names]
        if unknown or not getattr(version, field):
            raise RuleViolation(
                _("Name at least one authority or group; not known: %(codes)s")
                % {"codes": ", ".join(unknown) or "–"},
                field=field,
            )
    for field, kind in (
        ("information", TermKind.INFORMATION), ("requires", TermKind.REQUIRES),
        ("mode", TermKind.MODE), ("force", TermKind.FORCE),
    ):  # fmt: skip
        value = getattr(version, field)
        codes = [value] if isinstance(value, str) else value
        known = set(Term.objects.filter(kind=kind).values_list("code", flat=True))
        if any(code not in known for code in codes) or (field != "requires" and not codes):
            raise RuleViolation(_("Choose from the list."), field=field)
    if version.valid_from and version.valid_to and version.valid_to < version.valid_from:
        raise RuleViolation(_("The last day is before the first."), field="valid_to")
    if not any((version.text_fi, version.text_sv, version.text_en)):
        raise RuleViolation(_("Write the conditions in at least one language."), field="text_fi")
    version.test_cases = checked_cases(version.test_cases)


def checked_cases(cases: Any) -> list[dict[str, str]]:
    """Test cases with the right keys and known codes, else RuleViolation that names the case.

    A case about a kind or an authority that does not exist would hold for ever and test nothing.
    Two queries.
    """
    checked = []
    kinds = set(Term.objects.filter(kind=TermKind.INFORMATION).values_list("code", flat=True))
    authorities = set(Authority.objects.values_list("code", flat=True))
    for number, case in enumerate(cases or [], start=1):
        wrong = ""
        try:
            dt.date.fromisoformat(str(case["date"]))
            if case["expect"] not in EXPECTATIONS:
                wrong = str(case["expect"])
            plain = {key: str(case[key]) for key in ("date", "item", "giver", "receiver", "expect")}
            unknown = [plain["item"]] if plain["item"] not in kinds else []
            unknown += [plain[k] for k in ("giver", "receiver") if plain[k] not in authorities]
            wrong = wrong or ", ".join(unknown)
            if plain["giver"] == plain["receiver"]:
                wrong = f"{plain['giver']} → {plain['receiver']}"
        except (KeyError, TypeError, ValueError) as error:
            wrong = str(error)
        if wrong:
            raise RuleViolation(
                _(
                    "Test case %(number)s is not readable (%(what)s). Each needs a date, a kind of "
                    "information, a giver, a receiver and what is expected."
                )
                % {"number": number, "what": wrong},
                field="test_cases",
            )
        checked.append(plain | ({"note": str(case["note"])} if case.get("note") else {}))
    return checked


@service
def submit_version(*, actor: "Actor", version: GroundVersion) -> GroundVersion:
    """Hand a draft to a second person. It needs a day, a reason and at least one test case."""
    version = _locked(version)
    if not may_edit(actor, version):
        raise NotAllowed(
            _("Only administrators of an authority that gives may change this ground.")
        )
    if version.state == GroundState.SUBMITTED:
        return version
    if version.state != GroundState.DRAFT:
        raise Conflict(_("This version has been decided on already."))
    if version.valid_from is None:
        raise RuleViolation(_("Give the day from which this version applies."), field="valid_from")
    if not version.test_cases:
        raise RuleViolation(_("Write at least one test case."), field="test_cases")
    version.test_results = run_cases(version)
    version.state = GroundState.SUBMITTED
    version.save(update_fields=["state", "test_results"])
    record(
        actor=actor, verb="ground.submitted", subject=version.ground,
        data={"number": version.number},
    )  # fmt: skip
    return version


def failing_cases(version: GroundVersion) -> list[str]:
    """Test cases of this and of every published ground that would fail with it published.

    Seven queries, whatever the number of grounds and cases.
    """
    return _failing(version, open_books())


def _failing(version: GroundVersion, books: Books) -> list[str]:
    also = None if version.state == GroundState.PUBLISHED else version
    return [
        f"{row.ground.code}: {r['date']} {r['item']} {r['giver']} → {r['receiver']}: "
        f"{r['expect']} ≠ {r['got']}"
        for row in (version, *_latest_published(version))
        for r in cases_with(row, also, books)
        if not r["ok"]
    ]


def _latest_published(version: GroundVersion) -> list[GroundVersion]:
    """The newest published version of every other ground, if it has test cases. One query."""
    rows = (
        GroundVersion.objects.filter(state=GroundState.PUBLISHED)
        .exclude(ground_id=version.ground_id)
        .select_related("ground")
        .order_by("ground_id", "-number")
        .distinct("ground_id")
    )
    return [row for row in rows if row.test_cases]


@service
def publish_version(*, actor: "Actor", version: GroundVersion) -> GroundVersion:
    """Approve and publish as the second person, if every test case holds.

    Raises NotAllowed for whoever wrote in it, Conflict when somebody decided first, CasesFail with
    the failing test cases.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PUBLISHING])
    version = _locked(version)
    if version.state in (GroundState.PUBLISHED, GroundState.REJECTED):
        raise Conflict(
            _("%(name)s has decided on this version already.")
            % {"name": version.decided_by.full_name if version.decided_by else "–"}
        )
    if not may_decide(actor, version):
        raise NotAllowed(
            _("A second person of an authority that gives has to approve, nobody who wrote in it.")
        )
    if version.state != GroundState.SUBMITTED:
        raise RuleViolation(_("The version has not been handed on yet."))
    books = open_books()
    failing = _failing(version, books)
    if failing:
        raise CasesFail(failing)
    version.test_results = run_cases(version, books)
    version.state = GroundState.PUBLISHED
    version.published_at = timezone.now()
    version.decided_by = actor.user
    version.save()
    record(
        actor=actor, verb="ground.published", subject=version.ground,
        data={"number": version.number, "from": str(version.valid_from)},
    )  # fmt: skip
    return version


@service
def reject_version(*, actor: "Actor", version: GroundVersion, reason: str) -> GroundVersion:
    """Send a version away with a reason; a new draft may follow.

    A second person rejects what was handed on; those who write may give up their own draft.
    """
    version = _locked(version)
    if version.state in (GroundState.PUBLISHED, GroundState.REJECTED):
        raise Conflict(_("This version has been decided on already."))
    own_draft = version.state == GroundState.DRAFT and may_edit(actor, version)
    if not own_draft and not may_decide(actor, version):
        raise NotAllowed(_("A second person of an authority that gives has to decide."))
    if not reason.strip():
        raise RuleViolation(_("Say why."), field="reason")
    version.state = GroundState.REJECTED
    version.decided_by = actor.user
    version.refusal = reason.strip()
    version.save(update_fields=["state", "decided_by", "refusal"])
    record(
        actor=actor, verb="ground.rejected", subject=version.ground,
        data={"number": version.number, "reason": reason.strip()},
    )  # fmt: skip
    return version


@service
def review_version(*, actor: "Actor", version: GroundVersion, role: str) -> GroundVersion:
    """Note that the authority's lawyers have reviewed a version: by which role, today."""
    version = _locked(version)
    if not may_edit(actor, version):
        raise NotAllowed(_("Only administrators of an authority that gives may note a review."))
    if version.state != GroundState.PUBLISHED:
        raise RuleViolation(_("Only a published version can be reviewed: a draft still changes."))
    if not role.strip():
        raise RuleViolation(_("Say in which role it was reviewed."), field="role")
    version.reviewed_by = f"{actor.authority.code}: {role.strip()}"[:200]
    version.reviewed_on = timezone.localdate()
    version.save(update_fields=["reviewed_by", "reviewed_on"])
    record(
        actor=actor, verb="ground.reviewed", subject=version.ground,
        data={"number": version.number, "by": version.reviewed_by},
    )  # fmt: skip
    return version
