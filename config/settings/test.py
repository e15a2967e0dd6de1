"""Tests: as production where it can be, faster where nothing is shown by it."""

from config import env
from config.settings.base import *
from config.settings.base import DATABASE_OWNER_URL, DATABASE_URL, database_settings

SECRET_KEY = "test-only-" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True

# The application's role as in production; the owner migrates and flushes (tests/conftest.py).
TEST_DATABASE = env.text("TEST_DATABASE", "test_tarkka")
DATABASES = {
    "default": database_settings(DATABASE_URL) | {"NAME": TEST_DATABASE, "CONN_MAX_AGE": 0}
}
OWNER_DATABASE = database_settings(DATABASE_OWNER_URL, limits=False) | {"NAME": TEST_DATABASE}
DIGEST_STALE_SECONDS = env.integer("DIGEST_STALE_SECONDS", 300)
# Tests of signing switch it on.
SIGN_WITH_MFA = False
