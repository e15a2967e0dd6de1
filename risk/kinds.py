"""Words for the tasks of risk."""

from django.utils.translation import gettext_lazy as _

from worklist.kinds import register

register(
    "risk.proposal",
    _("Look at what was trained anew: %(model)s, version %(number)s"),
    _("Look at a risk model that was trained anew"),
    by_hand=True,
)
