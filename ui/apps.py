from django.apps import AppConfig


class UIConfig(AppConfig):
    name = "ui"
    default_auto_field = "django.db.models.BigAutoField"
