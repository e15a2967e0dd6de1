"""How far a run has come in the step it is at.

Most of it follows from the marks that the run keeps anyway. What they are to be held against, where
that is no number of rows, is noted once in ``ImportRun.preview``, so that a look costs no query.
"""

from django.db.models import QuerySet

from targets.models import ImportPhase, ImportRun, RegisterChange


def show_place(run: ImportRun, step: str, start: int, end: int) -> None:
    """Note what the marks of a step are held against; stored with the next mark."""
    run.preview = run.preview | {"place": {"step": step, "start": start, "end": end}}


def show_changes(run: ImportRun, step: str) -> None:
    """Note which changes of the register a step goes through, when it begins."""
    if run.preview.get("place", {}).get("step") == step:
        return  # it goes on where it stood
    changes: QuerySet[RegisterChange] = RegisterChange.objects.filter(run=run, undo=False)
    ids = changes.order_by("pk").values_list("pk", flat=True)
    first = ids.first()
    if first is not None:
        show_place(run, step, first - 1, ids.last() or first)


def progress_of(run: ImportRun) -> tuple[int, int] | None:
    """How much is done and of how much, in one unit; None while that is not known."""
    place = run.preview.get("place", {})
    start, end = (place["start"], place["end"]) if place.get("step") == run.phase else (0, 0)
    done, of = {
        ImportPhase.READ: (run.rows_read, run.rows_total) if run.rows_total else (start, end),
        ImportPhase.COMPARE: (run.preview.get("line", 0), run.staged_line),
        ImportPhase.MERGE: (run.merged_line, run.staged_line),
        ImportPhase.INDEX: (run.indexed_to - start, end - start),
        ImportPhase.UNDO: (
            end + 1 - run.undo_before if run.undo_before is not None else 0, end - start
        ),
    }[ImportPhase(run.phase)]  # fmt: skip
    return (max(0, min(done, of)), of) if of else None
