from django.apps import AppConfig


class PlanningConfig(AppConfig):
    name = "planning"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.sight import context_of_target, told_at_target, told_with_context
        from planning import guards, kinds, panels, purposes, site_list, succession  # noqa: F401
        from planning.lists import search_operations
        from planning.models import (
            BoardChange,
            Nomination,
            Operation,
            Overlap,
            PlannedVisit,
            SiteTerms,
        )
        from planning.services import sharing  # noqa: F401
        from ui.hooks import search_provider

        guards.register()
        site_list.register()
        search_provider(search_operations)
        told_at_target(Nomination, BoardChange, SiteTerms, Overlap)
        told_with_context(PlannedVisit)
        context_of_target(Operation)
