from django.apps import AppConfig


class TargetsConfig(AppConfig):
    name = "targets"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from targets.lists import search_companies, search_sites
        from ui.hooks import search_provider

        search_provider(search_sites)
        search_provider(search_companies)
