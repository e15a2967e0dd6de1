"""Words for the tasks of sharing."""

from django.utils.translation import gettext_lazy as _

from worklist.kinds import register

register(
    "sharing.receive", _("Look at what %(giver)s has given"), _("Look at what another has given")
)
register("sharing.answer", _("Answer a request of %(asker)s"), _("Answer a request"))
register("sharing.handover", _("Answer a hand-over from %(sender)s"), _("Answer a hand-over"))
