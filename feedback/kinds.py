from django.utils.translation import gettext_lazy as _

from worklist.kinds import register, register_notification

register("feedback.measure", _("%(kind)s: %(site)s"), _("A follow-up measure"))
register_notification(
    "feedback.given",
    _("Feedback on what your unit nominated in %(operation)s"),
    _("your unit nominated"),
)
