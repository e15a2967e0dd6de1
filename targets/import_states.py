"""The one table of what may become of an import, and by whom."""

from targets.models import ImportState as S

# (state, what is done) → the state that follows. "process" stands for the job itself.
ARROWS: dict[tuple[str, str], str] = {
    (S.QUEUED, "start"): S.RUNNING,
    (S.QUEUED, "pause"): S.PAUSED,
    (S.QUEUED, "cancel"): S.CANCELLED,
    (S.RUNNING, "pause"): S.PAUSED,
    (S.RUNNING, "cancel"): S.CANCELLED,
    (S.RUNNING, "rehearsed"): S.READY,
    (S.RUNNING, "finish"): S.DONE,
    (S.RUNNING, "fail"): S.FAILED,
    (S.RUNNING, "undone"): S.UNDONE,
    (S.PAUSED, "resume"): S.QUEUED,
    (S.PAUSED, "cancel"): S.CANCELLED,
    (S.READY, "store"): S.QUEUED,
    (S.READY, "cancel"): S.CANCELLED,
    (S.DONE, "undo"): S.QUEUED,
    (S.CANCELLED, "undo"): S.QUEUED,
    (S.FAILED, "undo"): S.QUEUED,
    (S.FAILED, "resume"): S.QUEUED,
    (S.FAILED, "cancel"): S.CANCELLED,
}
# What a person may ask for; the rest is the job's own.
ASKED = ("pause", "resume", "cancel", "store", "undo")
