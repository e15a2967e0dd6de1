"""Tests: the same as production where it can be, faster where nothing is shown by it."""

import copy

from config import env
from config.settings.base import *
from config.settings.base import DATABASES, TEMPLATES, database_settings

SECRET_KEY = "test-only-" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2  # noqa: S105
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CONN_MAX_AGE = 0

if DATABASES:
    # The application's role, as in production, and the owner for migrating and flushing.
    _suffix = env.text("TEST_DB_SUFFIX")
    _name = f"test_tarkka_{_suffix}" if _suffix else "test_tarkka"
    DATABASES["default"] |= {"CONN_MAX_AGE": 0, "TEST": {"NAME": _name}}
    DATABASES["owner"] = database_settings(env.text("DATABASE_OWNER_URL"), limits=False) | {
        "CONN_MAX_AGE": 0,
        "ATOMIC_REQUESTS": False,
        "TEST": {"NAME": _name, "MIRROR": None},
    }

# A variable that a template uses but nobody gave must be found here, not by a reader.
TEMPLATES = copy.deepcopy(TEMPLATES)
