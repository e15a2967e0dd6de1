from django.apps import AppConfig


class DemoConfig(AppConfig):
    """A realistic set of stand-ins; nothing here is loaded in production unless asked for."""

    name = "demo"
