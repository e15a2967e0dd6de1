"""Words for the tasks and notices of sharing. None names a target: they also go out by mail."""

from django.utils.translation import gettext_lazy as _

from worklist.kinds import register, register_notification

register(
    "sharing.receive", _("Look at what %(giver)s has given"), _("Look at what another has given")
)
register("sharing.answer", _("Answer a request of %(asker)s"), _("Answer a request"))
register("sharing.handover", _("Answer a hand-over from %(sender)s"), _("Answer a hand-over"))
register(
    "sharing.offer",
    _("Decide whether to tell others what a signal of yours says"),
    _("A decision on telling others"),
)
SENT = _("you sent it, or are a manager there")
register_notification("sharing.handover_accepted", _("%(receiver)s accepted a hand-over."), SENT)
register_notification("sharing.handover_refused", _("%(receiver)s refused a hand-over."), SENT)
register_notification(
    "sharing.handover_lapsed",
    _("%(receiver)s did not answer a hand-over from %(sender)s in time."),
    _("you sent it, or are a manager of either side"),
)
register_notification("sharing.request_answered", _("%(holder)s answered a request."), SENT)
register_notification("sharing.request_refused", _("%(holder)s refused a request."), SENT)
register_notification(
    "sharing.request_overdue",
    _("%(holder)s did not answer a request of %(asker)s in time."),
    _("you sent it, or are a manager of either side"),
)
register_notification(
    "sharing.ended",
    _("What %(giver)s had given is no longer open to you."),
    _("you acknowledged it"),
)
