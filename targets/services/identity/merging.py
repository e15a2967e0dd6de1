"""Two rows of the register made one, and apart again, without loss.

The losing row stays as the record of its source. What hangs on it, in whatever room, is found
through Django's relations and moved to the survivor, each row noted in a journal; undoing a merge
moves back exactly these rows. What would be the same twice (a unique key) stays on the loser.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, InternalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from targets.models import (
    DECIDERS,
    Company,
    MatchPair,
    Merge,
    MergeMove,
    MoveAction,
    PairState,
    Recusal,
    Site,
)
from targets.services.imports.changed import tell
from targets.services.relations import relations_to

if TYPE_CHECKING:
    from authorities.actors import Actor

Target = Site | Company

# These name the row they are about for good: the journal and the decisions, and what each source
# said when. Recusals are not moved but copied, see ``_copy_recusals``.
STAYS = frozenset(
    {
        "targets.matchpair",
        "targets.merge",
        "targets.successorhint",
        "targets.registerchange",
        "targets.recusal",
        "targets.searchentry",  # made anew from the rows, see ``targets.services.search``
    }
)
# Tables of the public register: everybody may know that rows of these were moved.
OPEN = frozenset(
    {
        "targets.site",
        "targets.company",
        "targets.siteoperator",
        "targets.companyname",
        "targets.companyidentifier",
        "targets.companyregistration",
    }
)


@dataclass(frozen=True)
class Hanging:
    """A column that names a site or company: its table, itself, the key, and who may know of it."""

    table: str
    column: str
    key: str
    open: bool


def hanging_on(model: type[Target]) -> list[Hanging]:
    """Every column of every room that names a row of ``model``, hidden relations included."""
    found: list[Hanging] = []
    for relation in relations_to(model):
        meta = relation.related_model._meta
        if meta.label_lower in STAYS:
            continue
        column, key = relation.field.column, meta.pk.column
        assert column is not None  # it stands in the table
        assert key is not None
        found.append(
            Hanging(
                meta.db_table,
                column,
                key,
                meta.label_lower in OPEN,
            )
        )
    return sorted(found, key=lambda h: (h.table, h.column))


@service
def merge(
    *,
    actor: "Actor",
    loser: Target,
    survivor: Target,
    reason: str = "",
    pair: MatchPair | None = None,
) -> Merge:
    """Make ``loser`` part of ``survivor``; both of one kind, seen by the actor.

    Raises RuleViolation when they cannot be one, Conflict when somebody was first.
    """
    may_decide(actor)
    _can_be_one(loser, survivor)
    loser, survivor = _lock(type(loser), loser.pk, survivor.pk)
    for target in (loser, survivor):
        if target.merged_into_id is not None:
            raise Conflict(_("%(name)s has been merged already.") % {"name": target.name})
    in_regions(actor, loser, survivor)
    kind = "site" if isinstance(loser, Site) else "company"
    row = Merge.objects.create(
        pair=pair, reason=reason.strip()[:300], made_by=actor.user, authority=actor.authority,
        **{f"{kind}_loser": loser, f"{kind}_survivor": survivor},
    )  # fmt: skip
    with as_system("what hangs on a target belongs to every authority; nobody is told what it was"):
        type(loser).objects.filter(pk=loser.pk).update(merged_into=survivor)
        _copy_recusals(row)
        move_all(row)
        _follow(loser, survivor)
    _decide_pairs(actor, row)
    for target, verb in ((loser, f"{kind}.became_part"), (survivor, f"{kind}.merged")):
        record(
            actor=actor, verb=verb, subject=target,
            data={"name": loser.name, "into": survivor.name, "reason": row.reason},
        )  # fmt: skip
    return row


@service
def unmerge(*, actor: "Actor", row: Merge, reason: str) -> Merge:
    """Take apart what was merged: what moved then goes back, what came later stays.

    Raises Conflict when it was undone already, or the survivor has become part of another since.
    """
    may_decide(actor)
    if not reason.strip():
        raise RuleViolation(_("Say why they are not the same."), field="reason")
    loser, survivor = _lock(type(row.loser), row.loser.pk, row.survivor.pk)
    in_regions(actor, loser, survivor)
    row = Merge.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if row.undone_at is not None:
        raise Conflict(_("This merge was undone already."))
    if survivor.merged_into_id is not None:
        raise Conflict(
            _("%(name)s has become part of another since. Undo that merge first.")
            % {"name": survivor.name}
        )
    row.undone_at, row.undone_by = timezone.now(), actor.user
    row.undone_reason = reason.strip()[:300]
    row.save(update_fields=["undone_at", "undone_by", "undone_reason"])
    with as_system("what was moved goes back, whosever it is"):
        _move_back(row)
        type(loser).objects.filter(pk=loser.pk).update(merged_into=None)
        _follow(loser, survivor)
        MatchPair.objects.filter(
            pk=row.pair_id,  # type: ignore[misc]  # None finds none
            state=PairState.SAME,
        ).update(
            state=PairState.PROPOSED, decided_at=None, decided_by=None, decided_for=None, reason=""
        )
    kind = "site" if isinstance(loser, Site) else "company"
    for target in (loser, survivor):
        record(
            actor=actor, verb=f"{kind}.unmerged", subject=target,
            data={"name": loser.name, "into": survivor.name, "reason": row.undone_reason},
        )  # fmt: skip
    return row


def _follow(*rows: Target) -> None:
    """Tell the search and whatever else depends on the register."""
    ids = [row.pk for row in rows]
    is_site = isinstance(rows[0], Site)
    tell(sites=ids if is_site else [], companies=[] if is_site else ids)


def may_decide(actor: "Actor") -> None:
    if not actor.has_role(*DECIDERS):
        raise NotAllowed(_("Your role does not include deciding what is the same."))


def _lock(model: type[Target], *pks: int) -> list[Any]:
    """The rows in the order asked for, locked in the order of their keys.

    Whoever writes something that names one of them waits until the merge is through.
    """
    rows = model.objects.select_for_update(of=("self",)).filter(pk__in=pks).order_by("pk")
    found = {row.pk: row for row in rows}
    if len(found) != len(set(pks)):
        raise Conflict(_("One of the two is not there any more."))
    return [found[pk] for pk in pks]


def in_regions(actor: "Actor", *rows: Target) -> None:
    """Whoever is narrowed to regions decides on sites of these alone."""
    outside = [r for r in rows if isinstance(r, Site) and r.region_id not in actor.region_ids]
    if actor.region_ids and outside:
        raise NotAllowed(_("Both have to lie in your regions."))


def _can_be_one(loser: Target, survivor: Target) -> None:
    if type(loser) is not type(survivor):
        raise RuleViolation(_("A site and a company cannot be merged."))
    if loser.pk == survivor.pk:
        raise RuleViolation(_("Choose two different rows."))
    if (
        isinstance(loser, Company)
        and isinstance(survivor, Company)
        and loser.business_id
        and survivor.business_id
    ):
        raise RuleViolation(
            _(
                "%(one)s and %(other)s are business IDs of two companies. If one goes on with the"
                " other’s business, confirm it as successor instead."
            )
            % {"one": loser.business_id, "other": survivor.business_id}
        )


def _decide_pairs(actor: "Actor", row: Merge) -> None:
    """The pair is decided with the merge, also when it was made without the queue."""
    kind = "site" if row.site_loser_id is not None else "company"
    a, b = sorted((row.loser, row.survivor), key=lambda target: target.pk)
    pairs = MatchPair.objects.select_for_update(of=("self",))
    pair = pairs.filter(**{f"{kind}_a": a, f"{kind}_b": b}).first()
    if pair is None:
        return
    if row.pair_id is not None and pair.state != PairState.PROPOSED:
        raise Conflict(
            _("The pair has been decided already: %(state)s.") % {"state": pair.get_state_display()}
        )
    pair.state, pair.decided_at, pair.reason = PairState.SAME, timezone.now(), row.reason
    pair.decided_by, pair.decided_for, pair.put_off_until = actor.user, actor.authority, None
    pair.save()
    if row.pair_id is None:
        row.pair = pair
        row.save(update_fields=["pair"])


# ---------------------------------------------------------------------------------- moving rows
def move_all(row: Merge) -> int:
    """Move what hangs on the loser now; returns how many rows moved. May be repeated.

    Runs as the system, in the caller's transaction. Rows noted before as left are not tried again.
    The statements are the same whatever there is to move: time tells nobody what others have.
    """
    journal: list[MergeMove] = []
    for place in hanging_on(type(row.loser)):
        keys = _keys(place, row)
        moved = set(_update(place, keys, row.loser.pk, row.survivor.pk))
        journal += [
            MergeMove(
                merge=row, table=place.table, column=place.column, row=key, open=place.open,
                action=MoveAction.MOVED if key in moved else MoveAction.LEFT,
            )
            for key in keys
        ]  # fmt: skip
    _note(row, journal)
    return sum(entry.action == MoveAction.MOVED for entry in journal)


def _note(row: Merge, journal: list[MergeMove]) -> None:
    """Write the journal in one statement, also an empty one; what was moved before stays noted."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO targets_mergemove (merge_id, "table", "column", row, action, open, at)
               SELECT %s, r.* , now() FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[],
                                                  %s::bool[]) AS r
                   ON CONFLICT DO NOTHING""",
            [
                row.pk,
                [entry.table for entry in journal],
                [entry.column for entry in journal],
                [entry.row for entry in journal],
                [str(entry.action) for entry in journal],
                [entry.open for entry in journal],
            ],
        )


def _keys(place: Hanging, row: Merge) -> list[int]:
    with connection.cursor() as cursor:
        # Names of tables and columns come from Django's models.
        cursor.execute(
            f"""SELECT {place.key} FROM {place.table} t WHERE {place.column} = %s
                 AND NOT EXISTS (SELECT 1 FROM targets_mergemove m WHERE m.merge_id = %s
                     AND m."table" = %s AND m."column" = %s AND m.row = t.{place.key}
                     AND m.action = 'left')
               ORDER BY 1 FOR UPDATE""",  # noqa: S608
            [row.loser.pk, row.pk, place.table, place.column],
        )
        return [key for (key,) in cursor.fetchall()]


def _update(place: Hanging, keys: list[int], source: int, target: int) -> list[int]:
    """Those of ``keys`` that could be moved: all at once, or one by one past the clashes."""
    statement = f"""UPDATE {place.table} SET {place.column} = %s
        WHERE {place.key} = ANY(%s) AND {place.column} = %s RETURNING {place.key}"""  # noqa: S608
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [target, keys, source])
            return [key for (key,) in cursor.fetchall()]
    except (IntegrityError, InternalError):  # a unique key, a check, or a trigger that refuses
        if len(keys) <= 1:
            return []
    middle = len(keys) // 2
    return [
        *_update(place, keys[:middle], source, target),
        *_update(place, keys[middle:], source, target),
    ]


def _move_back(row: Merge) -> None:
    """In the reverse order of the tables; what has been moved on by a person since stays there."""
    places = {(place.table, place.column): place for place in hanging_on(type(row.loser))}
    for (table, column), place in reversed(places.items()):
        moves = row.moves.filter(table=table, column=column, action=MoveAction.MOVED)
        keys = list(moves.order_by("row").values_list("row", flat=True))
        _update(place, keys, row.survivor.pk, row.loser.pk)
    copied = row.moves.filter(action=MoveAction.COPIED, table=Recusal._meta.db_table)
    Recusal.objects.filter(pk__in=copied.values("row")).delete()


def _copy_recusals(row: Merge) -> None:
    """Whoever is kept away from either, or from the company of either, is kept away from both."""
    kind = "site" if row.site_loser_id is not None else "company"
    both = (row.loser, row.survivor)
    rows = list(Recusal.objects.filter(**{f"{kind}__in": both}, ended_at__isnull=True))
    if kind == "site":
        companies = {site.company_id for site in both} - {None}
        if len(companies) > 1 or None in {site.company_id for site in both}:
            rows += Recusal.objects.filter(company__in=companies, ended_at__isnull=True)
    for target in both:
        covered = {r.user_id for r in rows if getattr(r, f"{kind}_id") == target.pk}
        for recusal in rows:
            if recusal.user_id in covered:
                continue
            covered.add(recusal.user_id)
            copy = Recusal.objects.create(
                user_id=recusal.user_id, authority_id=recusal.authority_id, reason=recusal.reason,
                made_by_id=recusal.made_by_id, **{kind: target},
            )  # fmt: skip
            MergeMove.objects.create(
                merge=row, table=Recusal._meta.db_table, column=f"{kind}_id", row=copy.pk,
                action=MoveAction.COPIED,
            )  # fmt: skip


def sweep(limit: int = 500) -> int:
    """Move what has come to a merged row since, by an import of its source or at the same moment.

    Returns how many rows moved. One query for each column that names a target, set-based.
    """
    moved = 0
    for model, kind in ((Site, "site"), (Company, "company")):
        late: set[int] = set()
        with transaction.atomic(), as_system("a sweep looks at everybody's rows"):
            for place in hanging_on(model):
                late |= _late(place, model, kind, limit)
        for pk in sorted(late):
            with transaction.atomic(), as_system("a sweep moves everybody's rows"):
                found = Merge.objects.get(pk=pk)
                _lock(model, found.loser.pk, found.survivor.pk)
                row = Merge.objects.select_for_update(of=("self",)).get(pk=pk)
                if row.undone_at is None:
                    moved += move_all(row)
    return moved


def _late(place: Hanging, model: type[Target], kind: str, limit: int) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT DISTINCT g.id FROM targets_merge g
                  JOIN {place.table} t ON t.{place.column} = g.{kind}_loser_id
                 WHERE g.undone_at IS NULL AND NOT EXISTS (SELECT 1 FROM targets_mergemove m
                     WHERE m.merge_id = g.id AND m."table" = %s AND m."column" = %s
                       AND m.row = t.{place.key} AND m.action = 'left')
                 LIMIT %s""",  # noqa: S608
            [place.table, place.column, limit],
        )
        return {pk for (pk,) in cursor.fetchall()}
