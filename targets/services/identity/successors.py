"""Companies that end, and others that seem to go on with what they did ("phoenix").

Found set-based in public register rows alone. A hint is a question to people, never a finding:
the same premises after a bankruptcy are often let to somebody who has nothing to do with it.
"""

from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import NOBODY, service, using
from audit.errors import Conflict, RuleViolation
from audit.services import record
from targets.models import HintState, Link, LinkKind, SuccessorHint
from targets.services.identity.merging import may_decide

if TYPE_CHECKING:
    from authorities.actors import Actor

DAYS_BEFORE, DAYS_AFTER = 365, 730  # registered so long before or after the other's end
# More companies than this at one address: an accountant's or a landlord's, which says nothing.
CROWDED = 10
SECONDS = 600  # the whole register is joined with itself: longer than a page may take
PHONE = "phone"  # kind of the facts whose kept columns are phone numbers; only shared ones count
LINK_SOURCE = "decision"

FIND = r"""
WITH ended AS (
    SELECT c.id, c.name, c.address, c.postal_code, c.website, c.registered_on,
           coalesce(c.ended_on, (
               SELECT min(coalesce(h.said_on, h.at))::date FROM targets_registerchange h
                WHERE h.company_id = c.id AND h.new->>'status' = c.status)) AS on
      FROM targets_company c
     WHERE c.merged_into_id IS NULL
       AND (c.ended_on IS NOT NULL OR c.status IN ('bankrupt', 'ceased', 'liquidation'))
), places AS (  -- which company has run which site, now or then
    SELECT o.site_id, o.company_id FROM targets_siteoperator o
    UNION SELECT s.id, s.company_id FROM targets_site s
           WHERE s.company_id IS NOT NULL AND s.merged_into_id IS NULL
), addresses AS (
    SELECT id, btrim(upper(regexp_replace(address, '[^[:alnum:]]+', ' ', 'g'))) || ' ' || postal_code
           AS address
      FROM targets_company
     WHERE merged_into_id IS NULL AND address ~ '[0-9]' AND postal_code <> ''
), telling AS (
    SELECT address FROM addresses GROUP BY address HAVING count(*) BETWEEN 2 AND %(crowded)s
), roles AS (
    SELECT person FROM targets_personrole GROUP BY person HAVING count(DISTINCT company_id) > 1
), numbers AS (  -- 040 123 4567, +358 40 1234567 and 00358401234567 are one number
    SELECT DISTINCT f.company_id,
           regexp_replace(regexp_replace(v.value, '[^0-9+]', '', 'g'),
                          '^([+]|00)?358([1-9])', '0\2') AS number
      FROM targets_fact f CROSS JOIN jsonb_each_text(f.value) v
     WHERE f.kind = %(phone)s AND f.shared AND f.company_id IS NOT NULL
       AND v.value ~ '^[+]?[0-9][0-9 ()/-]{5,24}$' AND v.value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
), answering AS (
    SELECT number FROM numbers GROUP BY number HAVING count(*) BETWEEN 2 AND %(crowded)s
), found AS (
    SELECT e.id AS old, p.company_id AS new, 'site' AS what, p.site_id AS site, NULL AS text
      FROM ended e JOIN places o ON o.company_id = e.id
      JOIN places p ON p.site_id = o.site_id AND p.company_id <> e.id
    UNION
    SELECT e.id, b.id, 'address', NULL, t.address
      FROM ended e JOIN addresses a ON a.id = e.id
      JOIN telling t ON t.address = a.address
      JOIN addresses b ON b.address = t.address AND b.id <> e.id
    UNION
    SELECT e.id, b.company_id, 'phone', NULL, NULL
      FROM ended e JOIN numbers a ON a.company_id = e.id
      JOIN answering t ON t.number = a.number
      JOIN numbers b ON b.number = t.number AND b.company_id <> e.id
    UNION
    SELECT e.id, b.id, 'website', NULL, lower(b.website)
      FROM ended e JOIN targets_company b
        ON e.website <> '' AND lower(b.website) = lower(e.website) AND b.id <> e.id
       AND b.merged_into_id IS NULL
    UNION
    SELECT e.id, q.company_id, 'person', NULL, r.person
      FROM ended e JOIN targets_personrole p ON p.company_id = e.id
      JOIN roles r ON r.person = p.person
      JOIN targets_personrole q ON q.person = p.person AND q.company_id <> e.id
    UNION
    SELECT e.id, m.from_company_id, 'uses', m.to_site_id, NULL
      FROM ended e
      JOIN targets_link l ON l.from_company_id = e.id AND l.kind IN ('uses', 'lodges')
       AND l.authority_id IS NULL
      JOIN targets_link m ON m.to_site_id = l.to_site_id AND m.kind = l.kind
       AND m.from_company_id <> e.id AND m.authority_id IS NULL
), pairs AS (
    SELECT f.old, f.new, e.on AS ended_on, n.registered_on AS started_on,
           bool_or(f.what <> 'website') AS enough,
           jsonb_agg(CASE f.what
               WHEN 'site' THEN jsonb_build_object('what', 'site', 'site', f.site)
               WHEN 'uses' THEN jsonb_build_object('what', 'uses', 'site', f.site)
               -- That it is the same person or number is shown, never who or which.
               WHEN 'person' THEN jsonb_build_object('what', 'person')
               WHEN 'phone' THEN jsonb_build_object('what', 'phone')
               ELSE jsonb_build_object('what', f.what, 'text', f.text)
           END ORDER BY f.what, f.site, f.text)
           || CASE WHEN similarity(upper(e.name), upper(n.name)) >= 0.6
                   THEN '[{"what": "name"}]'::jsonb ELSE '[]'::jsonb END AS evidence
      FROM found f
      JOIN ended e ON e.id = f.old
      JOIN targets_company n ON n.id = f.new AND n.merged_into_id IS NULL
     WHERE e.on IS NOT NULL
       AND n.registered_on BETWEEN e.on - %(before)s AND e.on + %(after)s
       -- It began after the other: what was there before it ended does not go on after it.
       AND (e.registered_on IS NULL OR n.registered_on > e.registered_on)
     GROUP BY f.old, f.new, e.on, n.registered_on, e.name, n.name
), stored AS (
    INSERT INTO targets_successorhint AS h (public_id, old_id, new_id, ended_on, started_on,
                                            evidence, state, reason, created_at)
    SELECT gen_random_uuid(), old, new, ended_on, started_on, evidence, 'open', '', now()
      FROM pairs WHERE enough
        ON CONFLICT (old_id, new_id) DO UPDATE
       SET evidence = excluded.evidence, ended_on = excluded.ended_on,
           started_on = excluded.started_on
     WHERE h.state = 'open'
), gone AS (  -- what no longer speaks for it was only a question
    DELETE FROM targets_successorhint h WHERE h.state = 'open' AND NOT EXISTS (
        SELECT 1 FROM pairs p WHERE p.enough AND p.old = h.old_id AND p.new = h.new_id)
)
SELECT count(*) FROM pairs WHERE enough"""


def find() -> int:
    """Renew all open hints; decided ones stay as they are. Returns how many there are to find."""
    with transaction.atomic(), using(NOBODY), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{SECONDS}s"])
        cursor.execute(FIND, {"crowded": CROWDED, "before": DAYS_BEFORE, "after": DAYS_AFTER,
                              "phone": PHONE})  # fmt: skip
        return int(cursor.fetchone()[0])


@service
def decide_hint(
    *, actor: "Actor", hint: SuccessorHint, confirm: bool, reason: str = ""
) -> SuccessorHint:
    """Confirm that one goes on after the other (they are linked then), or dismiss it with a reason.

    A decision may be changed; Conflict when it is decided that way already.
    """
    may_decide(actor)
    found = SuccessorHint.objects.select_for_update(of=("self",)).filter(pk=hint.pk).first()
    if found is None:
        raise Conflict(_("The hint is not there any more: the registers have changed."))
    state = HintState.CONFIRMED if confirm else HintState.DISMISSED
    if found.state == state:
        raise Conflict(_("It has been decided already: %(s)s.") % {"s": found.get_state_display()})
    if not confirm and not reason.strip():
        raise RuleViolation(_("Say why it does not."), field="reason")
    found.state, found.reason, found.decided_at = state, reason.strip()[:300], timezone.now()
    found.decided_by, found.decided_for = actor.user, actor.authority
    found.save()
    link = {
        "kind": LinkKind.SUCCEEDS, "from_company": found.new, "to_company": found.old,
        "source": LINK_SOURCE,
    }  # fmt: skip
    if confirm:
        Link.objects.get_or_create(**link, authority=None, defaults={"valid_from": found.ended_on})
    else:
        Link.objects.filter(**link, authority=None).delete()
    verb = "company.succession_confirmed" if confirm else "company.succession_dismissed"
    for company in (found.old, found.new):
        record(
            actor=actor, verb=verb, subject=company,
            data={"old": found.old.name, "new": found.new.name, "reason": found.reason},
        )  # fmt: skip
    return found
