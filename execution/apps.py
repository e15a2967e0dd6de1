from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "execution"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from audit.sight import context_of_target, told_at_target, told_with_context
        from execution import kinds, subscribers, succession  # noqa: F401
        from execution.models import Finding, InspectionRecord, Photo, Visit
        from execution.selectors import begun_of, briefing_checklist
        from planning import briefing, tabs
        from planning.services import replanning

        tabs.register(
            "execution", _("Visits"), "execution:overview", ("executing", "feedback", "closed")
        )
        briefing.briefing_sections.append(briefing_checklist)
        replanning.begun_visits.append(begun_of)
        told_at_target(Finding, Photo)
        # That another authority has submitted its record is told; the record itself is not shown.
        told_with_context(Visit, InspectionRecord)
        context_of_target(InspectionRecord)
