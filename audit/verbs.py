"""What each event says to a reader. One sentence per verb, never glued from parts."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from audit.models import Event

SENTENCES: dict[str, Any] = {
    "operation.created": gettext_lazy("The operation was created."),
    "operation.edited": gettext_lazy("The operation’s details were changed."),
    "operation.inviting": gettext_lazy("Invitations were sent."),
    "operation.nominating": gettext_lazy("Nominations were opened."),
    "operation.selecting": gettext_lazy("Selection was started."),
    "operation.signing": gettext_lazy("Sign-off was asked for."),
    "operation.reopened": gettext_lazy("Selection was reopened."),
    "operation.scheduled": gettext_lazy("Everybody has signed; the selection is decided."),
    "operation.executing": gettext_lazy("Inspections were started."),
    "operation.feedback": gettext_lazy("The operation moved to feedback and follow-up."),
    "operation.closed": gettext_lazy("The operation was closed."),
    "operation.cancelled": gettext_lazy("The operation was cancelled."),
    "participation.invited": gettext_lazy("%(authority)s was invited."),
    "participation.accepted": gettext_lazy("%(authority)s takes part."),
    "participation.declined": gettext_lazy("%(authority)s declined."),
    "participation.withdrawn": gettext_lazy("%(authority)s withdrew."),
    "nomination.made": gettext_lazy("%(site)s was nominated."),
    "nomination.changed": gettext_lazy("The nomination of %(site)s was changed."),
    "nomination.withdrawn": gettext_lazy("The nomination of %(site)s was withdrawn."),
    "pool.added": gettext_lazy("Sites were put into the pool: %(count)s."),
    "pool.removed": gettext_lazy("Sites were taken out of the pool: %(count)s."),
    "criteria.settings": gettext_lazy("Weights and rules of the selection were changed."),
    "criteria.days": gettext_lazy("%(authority)s changed its inspector-days."),
    "criteria.quota": gettext_lazy("Quotas of the selection were changed."),
    "criteria.team_rule": gettext_lazy("%(authority)s goes only together with %(needs)s."),
    "criteria.team_rule_removed": gettext_lazy(
        "%(authority)s may go without %(needs)s again."
    ),
    "criteria.resource": gettext_lazy("Interpreters or vehicles of the selection were changed."),
    "criteria.pinned": gettext_lazy("%(site)s was pinned: %(reason)s"),
    "criteria.excluded": gettext_lazy("%(site)s was excluded: %(reason)s"),
    "criteria.free": gettext_lazy("%(site)s is neither pinned nor excluded."),
    "draw.committed": gettext_lazy("The seed of the random share was committed: %(commitment)s"),
    "draw.drawn": gettext_lazy("Sites were drawn at random: %(count)s."),
    "draw.revealed": gettext_lazy("The seed of the random share was shown: %(seed)s"),
    "selection_run.asked": gettext_lazy("Reckoning %(number)s was asked for."),
    "selection_run.cancelled": gettext_lazy("Reckoning %(number)s was cancelled."),
    "selection_run.done": gettext_lazy("Reckoning %(number)s is done."),
    "selection_run.failed": gettext_lazy("Reckoning %(number)s ended without a plan."),
    "choice.picked": gettext_lazy("%(site)s was selected."),
    "choice.dropped": gettext_lazy("%(site)s was left out."),
    "choice.undecided": gettext_lazy("%(site)s is undecided again."),
    "board.adopted": gettext_lazy(
        "Proposal %(number)s was taken over: %(picked)s selected, %(dropped)s left out."
    ),
    "board.unadopted": gettext_lazy("Taking over proposal %(number)s was undone."),
    "sites.tagged": gettext_lazy("%(count)s sites were tagged “%(tag)s”."),
    "sites.untagged": gettext_lazy("The tag “%(tag)s” was taken off %(count)s sites."),
    "signoff.given": gettext_lazy("%(authority)s signed the selection."),
    "signoff.carried": gettext_lazy(
        "The signature of %(authority)s from round %(round)s still holds: its part is unchanged."
    ),
    "meeting.opened": gettext_lazy("Meeting %(number)s was opened."),
    "meeting.closed": gettext_lazy("Meeting %(number)s was closed."),
    "day.created": gettext_lazy("An inspection day was planned for %(date)s."),
    "day.changed": gettext_lazy("The inspection day of %(date)s was changed."),
    "day.removed": gettext_lazy("The inspection day of %(date)s was removed."),
    "days.planned": gettext_lazy("A draft of %(count)s inspection days was planned."),
    "days.undone": gettext_lazy("A draft of %(count)s inspection days was taken back."),
    "absence.added": gettext_lazy("%(name)s is away from %(from)s to %(to)s."),
    "absence.ended": gettext_lazy("The absence of %(name)s from %(from)s was taken back."),
    "site.hours": gettext_lazy("The opening hours of %(site)s were written down."),
    "days.replanned": gettext_lazy("The inspection days were planned anew: %(count)s changes."),
    "visit.started": gettext_lazy("The visit to %(site)s started."),
    "visit.ended": gettext_lazy("The visit to %(site)s ended."),
    "visit.not_possible": gettext_lazy("The visit to %(site)s was not possible."),
    "record.submitted": gettext_lazy("%(authority)s submitted its record of %(site)s."),
    "record.submitted_late": gettext_lazy(
        "%(authority)s submitted its record of %(site)s late, after the operation had moved on."
    ),
    "record.reopened": gettext_lazy("%(authority)s reopened its record of %(site)s."),
    "finding.added": gettext_lazy("A finding was added."),
    "finding.removed": gettext_lazy("A finding was struck out."),
    "photo.added": gettext_lazy("A photo was added."),
    "photo.removed": gettext_lazy("A photo was struck out."),
    "outcome.recorded": gettext_lazy("%(authority)s recorded the outcome at %(site)s."),
    "measure.opened": gettext_lazy("%(authority)s opened a follow-up measure: %(kind)s."),
    "measure.changed": gettext_lazy("A follow-up measure was changed."),
    "measure.closed": gettext_lazy("A follow-up measure was closed."),
    "measure.cancelled": gettext_lazy("A follow-up measure was cancelled."),
    "feedback.given": gettext_lazy("Nominators were told what became of their nominations."),
    "debrief.written": gettext_lazy("%(authority)s wrote its debrief."),
    "import.started": gettext_lazy("An import was started."),
    "import.done": gettext_lazy("An import was finished."),
    "import.failed": gettext_lazy("An import was stopped by an error."),
    "import.pause": gettext_lazy("An import was paused."),
    "import.resume": gettext_lazy("An import was taken up again."),
    "import.cancel": gettext_lazy("An import was cancelled."),
    "import.cancelled": gettext_lazy("An import ended because it was cancelled."),
    "import.store": gettext_lazy("What an import had rehearsed is being stored."),
    "import.undo": gettext_lazy("An import is being undone."),
    "mapping.saved": gettext_lazy("A column mapping was saved."),
    "mapping.removed": gettext_lazy("A column mapping was removed."),
    "import.undone": gettext_lazy("An import was undone."),
    "list.exported": gettext_lazy("A list was exported."),
    "task.made": gettext_lazy("A task was made."),
    "task.done": gettext_lazy("A task was done."),
    "ground.drafted": gettext_lazy("A draft of version %(number)s was made."),
    "ground.changed": gettext_lazy("The draft of version %(number)s was changed."),
    "ground.submitted": gettext_lazy("Version %(number)s was handed to a second person."),
    "ground.published": gettext_lazy("Version %(number)s was published; it applies from %(from)s."),
    "ground.rejected": gettext_lazy("Version %(number)s was rejected."),
    "ground.reviewed": gettext_lazy("Version %(number)s was reviewed by %(by)s."),
    "competence.saved": gettext_lazy("The competence was changed."),
    "competence.ended": gettext_lazy("The competence was ended; its last day is %(last_day)s."),
    "competence.reviewed": gettext_lazy("The competence was reviewed by %(by)s."),
    "interest.published": gettext_lazy("An interest was published."),
    "interest.withdrawn": gettext_lazy("An interest was withdrawn."),
    "signal.written": gettext_lazy("The signal was written."),
    "signal.file_added": gettext_lazy("The file %(name)s was added."),
    "item.given": gettext_lazy("It was given to %(receiver)s on the ground %(ground)s."),
    "item.received": gettext_lazy("%(receiver)s acknowledged it."),
    "item.withdrawn": gettext_lazy("What was given to %(receiver)s was withdrawn."),
    "item.expired": gettext_lazy("What was given to %(receiver)s has expired."),
    "item.erased": gettext_lazy("Something was erased on time (rows: %(rows)s)."),
    "erasure.stopped": gettext_lazy("The erasure was stopped."),
    "erasure.resumed": gettext_lazy("The erasure goes on."),
    "request.made": gettext_lazy("%(asker)s asked %(holder)s for information."),
    "request.answered": gettext_lazy("%(holder)s answered."),
    "request.refused": gettext_lazy("%(holder)s refused."),
    "request.withdrawn": gettext_lazy("%(asker)s took the request back."),
    "request.overdue": gettext_lazy("%(holder)s has not answered in time."),
    "handover.sent": gettext_lazy("%(sender)s handed it over to %(receiver)s."),
    "handover.accepted": gettext_lazy("%(receiver)s accepted it."),
    "handover.refused": gettext_lazy("%(receiver)s refused it."),
    "handover.lapsed": gettext_lazy("%(receiver)s has not answered in time."),
    "offer.accepted": gettext_lazy("It was decided to tell %(receiver)s."),
    "offer.postponed": gettext_lazy("It will be decided later whether to tell %(receiver)s."),
    "offer.declined": gettext_lazy("It was decided not to tell %(receiver)s."),
    "dataset.made": gettext_lazy("The data set was made."),
    "dataset.read": gettext_lazy("The file was read (rows: %(rows)s, refused: %(refused)s)."),
    "dataset.failed": gettext_lazy("The file could not be read."),
    "person.recused": gettext_lazy("%(name)s was recused for a conflict of interest."),
    "person.unrecused": gettext_lazy("The recusal of %(name)s was ended."),
    "link.added": gettext_lazy("A link was written down between %(first)s and %(second)s."),
    "link.removed": gettext_lazy("The link between %(first)s and %(second)s was taken back."),
    "threshold.set": gettext_lazy(
        "Limits for pairs of %(first)s and %(second)s were set: proposed from %(propose)s, strong"
        " from %(join)s."
    ),
    "threshold.removed": gettext_lazy("Limits for pairs of %(first)s and %(second)s were removed."),
    "site.merged": gettext_lazy("%(name)s was made part of this site."),
    "site.became_part": gettext_lazy("This was found to be the same as %(into)s."),
    "site.different": gettext_lazy("It was decided that %(name)s is another site."),
    "site.unmerged": gettext_lazy("%(name)s and %(into)s were taken apart again."),
    "company.merged": gettext_lazy("%(name)s was made part of this company."),
    "company.became_part": gettext_lazy("This was found to be the same as %(into)s."),
    "company.different": gettext_lazy("It was decided that %(name)s is another company."),
    "company.succession_confirmed": gettext_lazy("%(new)s was found to go on after %(old)s."),
    "company.succession_dismissed": gettext_lazy("%(new)s does not go on after %(old)s."),
    "company.unmerged": gettext_lazy("%(name)s and %(into)s were taken apart again."),
    "visit.postponed": gettext_lazy("The visit to %(site)s was postponed."),
    "visit.redated": gettext_lazy("The visit to %(site)s was put on %(date)s."),
    "overlap.merged": gettext_lazy("Two visits to %(site)s were merged, on %(date)s."),
    "overlap.declined": gettext_lazy("Two visits to one site were not merged."),
    "authority.succession_planned": gettext_lazy("%(new)s follows from %(date)s."),
    "authority.succeeded": gettext_lazy("%(new)s carries on what %(old)s did."),
    "purpose.stated": gettext_lazy("A purpose was stated."),
    "person.added": gettext_lazy("%(name)s was added."),
    "person.closed": gettext_lazy("The account of %(name)s was closed."),
    "person.opened": gettext_lazy("The account of %(name)s was opened again."),
    "membership.added": gettext_lazy("%(name)s was given a place in %(unit)s."),
    "membership.changed": gettext_lazy("The place of %(name)s was changed."),
}


class _Known(dict[str, Any]):
    """Values for a sentence; one that is missing reads as a dash instead of failing the page."""

    def __missing__(self, key: str) -> str:
        return "–"


def describe(event: "Event") -> str:
    """The event as a sentence in the reader's language."""
    sentence = SENTENCES.get(event.verb)
    if sentence is None:
        return _("Something was changed.")
    return str(sentence) % _Known(event.data)
