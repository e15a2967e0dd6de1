"""Why somebody looks at the non-public part of a case: given by work, or stated once.

A *case* is the object a page is about (a site, a company, a signal). Work that leads there (an open
task, a place in an operation; ``audit.access.implies_purpose``) is purpose enough and is written
down by itself. Without it the person is asked once, and the answer holds for some days.
"""

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.core import signing
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.access import covered_by, implied_purpose
from audit.errors import RuleViolation
from audit.models import Purpose
from audit.services import record

if TYPE_CHECKING:
    from authorities.actors import Actor

SALT = "purpose"
SHORTEST = 10  # characters; "test" explains nothing to whoever reads the log
CASES: set[str] = set()  # labels of models that may be a case; rooms add their own


def case_model(model: type[models.Model]) -> None:
    """Let rows of ``model`` be cases."""
    CASES.add(model._meta.label_lower)


def purpose_of(actor: "Actor", case: models.Model) -> Purpose | None:
    """The purpose that covers ``case`` now, or None: then it has to be asked for.

    One query when a purpose is remembered. What the request looks at from here on is logged under
    it.
    """
    label = case._meta.label_lower
    purpose = (
        Purpose.objects.filter(
            membership=actor.membership, subject_type=label, subject_id=case.pk,
            holds_until__gt=timezone.now(),
        ).order_by("-stated_at", "-pk").first()
    )  # fmt: skip
    if purpose is None and (words := implied_purpose(actor, case)):
        purpose = _remember(actor, case, words, implied=True)
    if purpose is not None:
        covered_by(purpose)
    return purpose


def _remember(actor: "Actor", case: models.Model, words: str, *, implied: bool) -> Purpose:
    return Purpose.objects.create(
        user=actor.user, membership=actor.membership, authority=actor.authority,
        subject_type=case._meta.label_lower, subject_id=case.pk, text=words[:300], implied=implied,
        holds_until=timezone.now() + dt.timedelta(days=settings.PURPOSE_DAYS),
    )  # fmt: skip


@transaction.atomic
def state_purpose(*, actor: "Actor", case: models.Model, text: str) -> Purpose:
    """Store why the actor looks at ``case``; holds for ``PURPOSE_DAYS``.

    Raises RuleViolation when the words are too few to tell anything.
    """
    text = " ".join(text.split())
    if len(text) < SHORTEST:
        raise RuleViolation(
            _("Say in a few words why you need this, for example the task or the visit it is for."),
            field="text",
        )
    purpose = _remember(actor, case, text, implied=False)
    record(
        actor=actor, verb="purpose.stated", data={"purpose": purpose.pk},
        audience=[actor.authority.pk],
    )  # fmt: skip
    return purpose


def case_token(case: models.Model) -> str:
    """A signed name of the case for a form: the browser cannot ask about another model."""
    return signing.dumps([case._meta.label_lower, case.pk], salt=SALT)


def case_from(token: str, actor: "Actor") -> models.Model | None:
    """The case a form is about, if the token is ours and the actor may see the case."""
    try:
        label, pk = signing.loads(token, salt=SALT, max_age=86_400)
    except signing.BadSignature:
        return None
    if label not in CASES:
        return None
    model: Any = apps.get_model(label)
    found: models.Model | None = model.objects.visible_to(actor).filter(pk=pk).first()
    return found
