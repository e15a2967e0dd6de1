from django.utils.translation import gettext_lazy as _

from worklist.kinds import register

register(
    "execution.day",
    _("Inspection day of %(operation)s, %(team)s"),
    _("An inspection day"),
    by_hand=True,
)
register(
    "execution.late",
    _("A record came in after %(operation)s had moved on"),
    _("A late record"),
    by_hand=True,
)
