"""Roles in the database, and production that refuses unsafe defaults."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

SAFE = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "DATABASE_URL": "postgresql://app@db/tarkka", "DATABASE_OWNER_URL": "postgresql://own@db/tarkka",
    "REDIS_URL": "redis://redis:6379/0", "ALLOWED_HOSTS": "tarkka.example",
    "SITE_URL": "https://tarkka.example", "EMAIL_HOST": "mail.example",
    "DEFAULT_FROM_EMAIL": "tarkka@tarkka.example",
}  # fmt: skip


@pytest.mark.django_db
def test_tests_run_as_a_role_that_owns_nothing_and_bypasses_nothing():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles "
            "WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False, False, False, False)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone()[0] > 40


def check(**changes: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **SAFE, **changes}
    environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # the browser tests need it, nobody else
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True,
    )  # fmt: skip


def test_safe_production_settings_pass_the_deployment_check():
    result = check()
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""), ("SECRET_KEY", "short"), ("SECRET_KEY", "a" * 60),
        ("DATABASE_URL", ""), ("REDIS_URL", ""), ("ALLOWED_HOSTS", ""), ("ALLOWED_HOSTS", "*"),
        ("SITE_URL", "http://tarkka.example"), ("EMAIL_HOST", ""), ("DEBUG", "true"),
        ("DATABASE_OWNER_URL", "postgresql://app@db/tarkka"), ("SECURE_SSL_REDIRECT", "maybe"),
    ],
)  # fmt: skip
def test_production_refuses_an_unsafe_setting_and_names_it(name, value):
    result = check(**{name: value})
    assert result.returncode != 0
    assert name in result.stderr.splitlines()[-1]
