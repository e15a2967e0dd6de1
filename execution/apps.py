from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "execution"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from execution import kinds, subscribers, succession  # noqa: F401
        from execution.selectors import briefing_checklist
        from planning import documents, tabs

        tabs.register(
            "execution", _("Visits"), "execution:overview", ("executing", "feedback", "closed")
        )
        documents.briefing_sections.append(briefing_checklist)
