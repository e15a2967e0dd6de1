"""Writing signals, their attachments, and what stops their erasure."""

import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Role, Term, TermKind
from targets.models import (
    About,
    Classification,
    Company,
    Dataset,
    Indicator,
    LegalHold,
    RetentionClass,
    Seen,
    Signal,
    SignalFile,
    SignalIndicator,
    Site,
)

if TYPE_CHECKING:
    from authorities.actors import Actor

# Finnish personal identity code: DDMMYY, a sign of the century, three figures, a check character.
# Word processors make other dashes of a hyphen.
IDENTITY_CODE = re.compile(
    r"\b\d{6}[-\u2010-\u2015\u2212+ABCDEFYXWVU]\d{3}[0-9A-FHJ-NPR-Y]\b", re.IGNORECASE
)
MAX_FILE = 20 * 1024 * 1024
MAX_FILES = 20


def refuse_identity_codes(**texts: str) -> None:
    """Raise RuleViolation naming the field that holds a personal identity code."""
    for field, text in texts.items():
        if IDENTITY_CODE.search(text or ""):
            raise RuleViolation(
                _("Leave out the personal identity code: nobody is identified here."), field=field
            )


def _subject(about: str, company: Company | None, site: Site | None, topic: str) -> dict[str, Any]:
    """The one subject in columns; RuleViolation names the field that is missing."""
    if about == About.COMPANY:
        if company is None:
            raise RuleViolation(_("Choose the company."), field="company")
        return {"company": company, "site": None, "topic": ""}
    if about == About.SITE:
        if site is None:
            raise RuleViolation(_("Choose the site."), field="site")
        return {"company": None, "site": site, "topic": ""}
    if not topic.strip():
        raise RuleViolation(
            _("Say which role or phenomenon it is, without naming anybody."), field="topic"
        )
    return {"company": None, "site": None, "topic": topic.strip()[:200]}


def usual_retention() -> RetentionClass:
    """The retention class taken when nobody chooses one."""
    usual = RetentionClass.objects.filter(code="normal").first()
    return usual or RetentionClass.objects.order_by("days")[0]


@service
def write_signal(
    *,
    actor: "Actor",
    about: str,
    kind: str,
    text: str,
    purpose: str,
    retention: RetentionClass,
    observed_on: dt.date,
    company: Company | None = None,
    site: Site | None = None,
    topic: str = "",
    source_type: str = "observation",
    reliability: str = "B",
    accuracy: str = "3",
    classification: str = Classification.CONFIDENTIAL,
    indicators: Mapping[str, str] | None = None,
    client_id: uuid.UUID | None = None,
) -> Signal:
    """Store a signal of the own authority and offer it to those who want to know.

    ``indicators``: code → seen | not_seen | not_checked; a code left out counts as not checked.
    ``client_id`` makes a request that is sent again the same signal. Raises RuleViolation that
    names the field.
    """
    client_id = client_id or uuid.uuid4()
    earlier = Signal.objects.filter(authority=actor.authority, client_id=client_id).first()
    if earlier is not None:
        return earlier
    subject = _subject(about, company, site, topic)
    _check(kind=kind, text=text, purpose=purpose, observed_on=observed_on)
    refuse_identity_codes(text=text, topic=subject["topic"], purpose=purpose)
    try:
        with transaction.atomic():
            signal = Signal.objects.create(
                authority=actor.authority, unit=actor.unit, author=actor.user, about=about,
                kind=kind, source_type=source_type, reliability=reliability, accuracy=accuracy,
                observed_on=observed_on, text=text.strip(), classification=classification,
                purpose=purpose.strip(), retention=retention, client_id=client_id,
                expires_on=max(observed_on, timezone.localdate())
                + dt.timedelta(days=retention.days),
                **subject,
            )  # fmt: skip
    except IntegrityError:
        # The same request was stored by another worker at this very moment.
        return Signal.objects.get(authority=actor.authority, client_id=client_id)
    _answer_indicators(signal, indicators or {})
    record(
        actor=actor, verb="signal.written", subject=signal, data={"kind": kind},
        audience=[actor.authority.pk],
    )  # fmt: skip
    from targets.services.offers import make_offers

    make_offers(actor=actor, signal=signal)
    return signal


def _check(*, kind: str, text: str, purpose: str, observed_on: dt.date) -> None:
    if not Term.objects.filter(kind=TermKind.INFORMATION, code=kind).exists():
        raise RuleViolation(_("Choose the kind of information."), field="kind")
    if not text.strip():
        raise RuleViolation(_("Write what was seen or heard."), field="text")
    if not purpose.strip():
        raise RuleViolation(_("Say what it is kept for."), field="purpose")
    if observed_on > timezone.localdate():
        raise RuleViolation(_("The day is in the future."), field="observed_on")


def _answer_indicators(signal: Signal, answers: Mapping[str, str]) -> None:
    known = {i.code: i for i in Indicator.objects.order_by("order")}
    for code, answer in answers.items():
        if code not in known or answer not in Seen.values:
            raise RuleViolation(_("Choose from the list."), field="indicators")
    SignalIndicator.objects.bulk_create(
        SignalIndicator(
            signal=signal, indicator=indicator, answer=answers.get(code, Seen.NOT_CHECKED)
        )
        for code, indicator in known.items()
    )


def own_locked(actor: "Actor", signal: Signal) -> Signal:
    """The signal, locked; NotAllowed unless it is the own authority's."""
    found = Signal.objects.own(actor).filter(pk=signal.pk).exists()
    if not found:
        raise NotAllowed(_("Only the authority that owns the signal may do this."))
    Signal.objects.select_for_update(of=("self",)).get(pk=signal.pk)
    return Signal.objects.select_related("authority", "company", "site").get(pk=signal.pk)


def _content_type(data: bytes, name: str) -> str:
    """Type by content, for the few kinds that are taken; RuleViolation for all others."""
    ending = PurePath(name).suffix.lower()
    if ending == ".pdf" and data.startswith(b"%PDF-"):
        return "application/pdf"
    if ending in (".jpg", ".jpeg", ".png", ".webp"):
        return "image/jpeg"
    if ending in (".txt", ".csv"):
        if b"\x00" in data:
            raise RuleViolation(_("The file is no text."), field="file")
        return "text/plain"
    raise RuleViolation(
        _("Only PDF, pictures (JPEG, PNG, WebP) and plain text are taken."), field="file"
    )


@service
def add_file(*, actor: "Actor", signal: Signal, file: UploadedFile) -> SignalFile:
    """Attach a file: checked by ending and content, pictures re-encoded without camera data.

    The same file again is the same attachment.
    """
    signal = own_locked(actor, signal)
    if (file.size or 0) > MAX_FILE:
        raise RuleViolation(_("The file is larger than 20 MB."), field="file")
    if signal.files.count() >= MAX_FILES:
        raise RuleViolation(_("A signal holds 20 files at most."), field="file")
    data = file.read()
    name = PurePath(file.name or "file").name[:200]
    content_type = _content_type(data, name)
    if content_type == "image/jpeg":
        from ui.images import clean_image

        data, _width, _height = clean_image(data)
        name = f"{PurePath(name).stem}.jpg"
    sha256 = hashlib.sha256(data).hexdigest()
    earlier = signal.files.filter(sha256=sha256).first()
    if earlier is not None:
        return earlier
    stored = default_storage.save(f"signals/{uuid.uuid4().hex}", ContentFile(data))
    try:
        with transaction.atomic():
            row = SignalFile.objects.create(
                signal=signal, authority=signal.authority, name=name, file=stored,
                content_type=content_type, size=len(data), sha256=sha256, added_by=actor.user,
            )  # fmt: skip
    except Exception:
        default_storage.delete(stored)
        raise
    record(
        actor=actor, verb="signal.file_added", subject=signal, audience=[signal.authority_id],
        data={"name": name},
    )  # fmt: skip
    return row


def _may_hold(actor: "Actor", owner_id: int) -> bool:
    return owner_id == actor.authority.pk and actor.has_role(Role.MANAGER, Role.ADMINISTRATOR)


@service
def place_legal_hold(*, actor: "Actor", item: Signal | Dataset, reason: str) -> LegalHold:
    """Stop the erasure of an own signal or data set; a manager's decision with a reason."""
    if not _may_hold(actor, item.authority_id):
        raise NotAllowed(_("Only a manager of the authority that owns it may stop its erasure."))
    if not reason.strip():
        raise RuleViolation(_("Say why it must not be erased."), field="reason")
    field = "signal" if isinstance(item, Signal) else "dataset"
    try:
        with transaction.atomic():
            hold = LegalHold.objects.create(
                authority=item.authority, reason=reason.strip(), placed_by=actor.user,
                **{field: item},
            )  # fmt: skip
    except IntegrityError:
        raise Conflict(_("Its erasure has been stopped already.")) from None
    record(
        actor=actor, verb="erasure.stopped", subject=item, audience=[item.authority_id],
        data={"reason": reason.strip()},
    )  # fmt: skip
    return hold


@service
def lift_legal_hold(*, actor: "Actor", hold: LegalHold) -> LegalHold:
    """Let the clock run on; what has expired meanwhile is erased by the next sweep."""
    hold = LegalHold.objects.select_for_update(of=("self",)).get(pk=hold.pk)
    if not _may_hold(actor, hold.authority_id):
        raise NotAllowed(_("Only a manager of the authority that owns it may stop its erasure."))
    if hold.lifted_at is not None:
        return hold
    hold.lifted_at, hold.lifted_by = timezone.now(), actor.user
    hold.save(update_fields=["lifted_at", "lifted_by"])
    record(
        actor=actor, verb="erasure.resumed", subject=hold.signal or hold.dataset,
        audience=[hold.authority_id],
    )  # fmt: skip
    return hold
