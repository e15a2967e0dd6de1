from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "risk"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from risk import subscribers  # noqa: F401
        from risk.services import changes  # noqa: F401  # follows every change of the register
