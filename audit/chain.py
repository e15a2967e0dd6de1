"""The chain of hashes over the access log: made by a sweep, checked by a command.

Each link holds the SHA-256 of the link before and of its entry, so that changing, removing or
slipping in an entry breaks every later link. Removing the newest links and their entries together
leaves a chain that is whole but short; a head (number and hash) noted elsewhere shows that.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from audit.context import as_system
from audit.models import AccessEntry, AccessLink

START = "0" * 64
LOCK = 7_283_001  # advisory lock: one sealer at a time
BATCH = 5_000
FIELDS = (
    "id", "at", "user_id", "membership_id", "authority_id", "owner_id", "object_type",
    "object_id", "count", "route", "purpose_id", "request_id",
)  # fmt: skip


def digest(before: str, values: dict[str, Any]) -> str:
    """Hash of a link: over the hash before it and the entry's columns in a fixed form."""
    plain = {name: values[name] for name in FIELDS} | {"at": values["at"].isoformat()}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()


def seal() -> int:
    """Link the entries that have no link yet, oldest first; returns how many.

    Safe to run in several processes and to kill: a batch is one transaction.
    """
    with transaction.atomic(), as_system("the chain runs over everybody's looks"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        last = AccessLink.objects.order_by("-number").first()
        number, before = (last.number, last.hash) if last else (0, START)
        links = []
        entries = AccessEntry.objects.filter(link__isnull=True).order_by("id").values(*FIELDS)
        for values in entries[:BATCH]:
            number += 1
            before = digest(before, values)
            links.append(AccessLink(number=number, entry_id=values["id"], hash=before))
        AccessLink.objects.bulk_create(links)
    return len(links)


@dataclass(frozen=True)
class Verdict:
    """What a check found: the head of the chain, how many entries wait, the first break if any."""

    number: int
    hash: str
    waiting: int
    broken_at: int | None = None
    why: str = ""


def verify(expected: tuple[int, str] | None = None) -> Verdict:
    """Recompute the chain; ``expected`` is a head noted earlier that must still be a link."""
    with transaction.atomic(), as_system("the check runs over everybody's looks"):
        waiting = AccessEntry.objects.filter(link__isnull=True).count()
        number, before = 0, START
        links = AccessLink.objects.order_by("number").values(
            "number", "hash", *(f"entry__{name}" for name in FIELDS)
        )
        for row in links.iterator(chunk_size=2_000):
            if row["number"] != number + 1:
                why = _("link %(number)s is missing") % {"number": number + 1}
                return Verdict(number, before, waiting, number + 1, why)
            values = {name: row[f"entry__{name}"] for name in FIELDS}
            if digest(before, values) != row["hash"]:
                why = _("entry %(entry)s is not as it was when it was linked") % {
                    "entry": values["id"]
                }
                return Verdict(number, before, waiting, row["number"], why)
            number, before = row["number"], row["hash"]
            if expected is not None and expected[0] == number and expected[1] != before:
                why = _("the hash differs from the one noted elsewhere")
                return Verdict(number, before, waiting, number, why)
        if expected is not None and expected[0] > number:
            why = _("the chain is shorter than the head noted elsewhere")
            return Verdict(number, before, waiting, number + 1, why)
    return Verdict(number, before, waiting)
