from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "risk"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from risk import (  # noqa: F401  # workers know its jobs
            jobs_reports,
            kinds,
            panels,
            purposes,
            site_list,
            subscribers,
            succession,
        )

        site_list.register()
        from risk.services import changes  # noqa: F401  # follows every change of the register
