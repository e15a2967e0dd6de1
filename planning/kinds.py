"""Words for the tasks and notifications of phase 1."""

from django.utils.translation import gettext_lazy as _

from worklist.kinds import register, register_notification

register("planning.answer", _("Answer the invitation to %(operation)s"), _("Answer an invitation"))
register("planning.nominate", _("Nominate sites for %(operation)s"), _("Nominate sites"))
register("planning.select", _("Select sites for %(operation)s"), _("Select sites"))
register("planning.sign", _("Sign the selection of %(operation)s"), _("Sign a selection"))
register("planning.days", _("Plan the inspection days of %(operation)s"), _("Plan inspection days"))
register("planning.hold", _("Answer about a hold"), _("Answer a question"))
register(
    "planning.overlap",
    _("%(authority)s plans the same site in week %(week)s: merge the visits?"),
    _("Two visits may be merged"),
)
register_notification(
    "planning.stop",
    _("Stop: do not go to %(site)s. The visit is postponed."),
    _("you lead the team"),
)
register_notification(
    "planning.meeting",
    _("The meeting on the selection of %(operation)s is open. Join it."),
    _("you coordinate for a participant"),
)
register_notification(
    "give_to_who_joined",
    _("%(authority)s has joined %(operation)s. Does what you gave to it go to them too?"),
    _("because you gave something to this operation"),
)
