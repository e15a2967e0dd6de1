from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "execution"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from execution import kinds, subscribers, succession  # noqa: F401
        from execution.selectors import begun_of, briefing_checklist
        from planning import briefing, tabs
        from planning.services import replanning

        tabs.register(
            "execution", _("Visits"), "execution:overview", ("executing", "feedback", "closed")
        )
        briefing.briefing_sections.append(briefing_checklist)
        replanning.begun_visits.append(begun_of)
