"""For the type checker: settings that load without any service."""

from config.settings.base import *

SECRET_KEY = "typing"
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "typing"}}
