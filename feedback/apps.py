from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    name = "feedback"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from audit.sight import told_with_context
        from feedback import kinds, panels, site_list, subscribers, succession  # noqa: F401
        from feedback.models import Measure, Outcome
        from planning import tabs

        states = ("executing", "feedback", "closed")
        tabs.register("outcomes", _("Outcomes"), "feedback:outcomes", states)
        tabs.register("report", _("Report"), "feedback:report", states)
        told_with_context(Outcome, Measure)
        site_list.register()
