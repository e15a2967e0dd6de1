from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class TargetsConfig(AppConfig):
    name = "targets"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_delete, post_save

        from audit.sight import context_of_target, told_at_target
        from authorities.models import Area, Authority
        from authorities.purposes import case_model
        from targets import kinds, succession  # noqa: F401
        from targets.hooks import BulkAction, bulk_action
        from targets.lists import search_companies, search_sites
        from targets.models import (
            Company,
            HandOver,
            Industry,
            InformationRequest,
            Signal,
            Site,
        )
        from targets.services import search  # noqa: F401  # follows every change
        from targets.services.bulk import may_tag
        from targets.signal_lists import search_signals
        from ui.hooks import search_provider
        from ui.kept import forget

        for model in (Site, Company, Signal):
            case_model(model)
        told_at_target(Site, Signal, InformationRequest, HandOver)
        context_of_target(InformationRequest, HandOver)
        for reference in (Area, Authority, Industry):
            for signal in (post_save, post_delete):
                signal.connect(forget, sender=reference, dispatch_uid=f"kept {reference.__name__}")

        bulk_action(BulkAction("targets:tag_sites", gettext_lazy("Tag"), may_tag))
        search_provider(search_sites)
        search_provider(search_companies)
        search_provider(search_signals)
