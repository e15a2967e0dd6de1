"""Real services for every test: PostgreSQL (as the application's role), Redis, SMTP, Chromium."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from io import StringIO
from typing import Any

import psycopg2
import psycopg2.errors
import pytest
from django.test import TransactionTestCase


def owner_connection(database: str = "postgres") -> Any:
    """A connection of the owner's role, outside Django."""
    from config.env import database as parse

    settings = parse(os.environ["DATABASE_OWNER_URL"])
    connection = psycopg2.connect(
        dbname=database, user=settings["USER"], host=settings["HOST"] or None,
        port=settings["PORT"] or None, password=settings["PASSWORD"] or None,
    )  # fmt: skip
    connection.autocommit = True
    return connection


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Made and migrated by the owner; used by the application's role, which owns nothing."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    name = settings.TEST_DATABASE
    with closing(owner_connection()) as connection, connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}"')
    role = settings.DATABASES["default"]["USER"]
    with django_db_blocker.unblock():
        normal = dict(connections["default"].settings_dict)
        connections["default"].close()
        connections["default"].settings_dict |= settings.OWNER_DATABASE
        call_command("migrate", verbosity=0)
        call_command("grant_app_role", role, verbosity=0, stdout=StringIO())
        connections["default"].close()
        connections["default"].settings_dict.clear()
        connections["default"].settings_dict.update(normal)
    yield
    with django_db_blocker.unblock():
        connections["default"].close()
    # A session that a thread left open may not be the owner's to end; the next run drops it then.
    with (
        suppress(psycopg2.Error),
        closing(owner_connection()) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


KEPT_TABLES = {"django_migrations", "django_content_type", "auth_permission"}


def flush() -> None:
    """Empty every table through the owner: the application's role may not."""
    from django.conf import settings
    from django.db import connection as default

    default.close()
    with closing(owner_connection(settings.TEST_DATABASE)) as owner, owner.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [f'"{row[0]}"' for row in cursor.fetchall() if row[0] not in KEPT_TABLES]
        for last in (False, False, False, False, True):
            try:
                cursor.execute(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE")
                break
            except psycopg2.errors.DeadlockDetected:
                # A page of a browser test was still being answered; it ends by itself.
                if last:
                    raise
                time.sleep(0.3)


# Set for good: the teardown of a database fixture runs after those of all other fixtures.
TransactionTestCase._fixture_teardown = lambda self: flush()  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _unordered_slices_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice of an unordered queryset shows other rows each time: refuse it in tests."""
    from django.db.models import QuerySet

    original = QuerySet.__getitem__

    def checked(self: Any, key: Any) -> Any:
        query = self.query
        if (
            isinstance(key, slice)
            and not self.ordered
            and not query.is_empty()
            and not getattr(query, "combinator", None)
            and not _counting(key)
        ):
            raise AssertionError(f"slice of an unordered queryset of {self.model.__name__}")
        return original(self, key)

    monkeypatch.setattr(QuerySet, "__getitem__", checked)


def _counting(key: slice) -> bool:
    """Capped counts and existence tests need no order: they show no rows."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.endswith("conftest.py"):
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None and frame.f_code.co_name in {"capped_count", "exists", "_values"}


@pytest.fixture(autouse=True)
def _eyes_of_the_test() -> Iterator[None]:
    """A test arranges and looks at rows as the system; requests and services act as their actor."""
    from django.db import connection
    from django.db.backends.signals import connection_created

    from audit.context import as_system, current

    def see_all(connection: Any, **_: Any) -> None:
        """For statements outside a transaction; every transaction says anew whose it is."""
        if current().system:
            with connection.connection.cursor() as cursor:
                cursor.execute("SELECT set_config('tarkka.system', 'on', false)")

    connection_created.connect(see_all)
    with as_system("the test itself"):
        if connection.connection is not None and not connection.in_atomic_block:
            see_all(connection)
        yield
    connection_created.disconnect(see_all)


@pytest.fixture(autouse=True)
def _words_in_english() -> Iterator[None]:
    """Refusals of services are compared in English; pages follow the person, as always."""
    from django.utils import translation

    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def _clean_cache() -> None:
    from django.core.cache import cache

    from ui.kept import forget

    cache.clear()
    forget()


@pytest.fixture
def reference(db: None) -> None:
    """A small world: one region, two municipalities, four authorities with checklists."""
    from tests.factories import world

    world()


@pytest.fixture
def as_user(client: Any) -> Any:
    """Sign a membership's person in and act for it."""

    def sign_in(actor: Any) -> Any:
        client.force_login(actor.user)
        session = client.session
        session["acting_membership"] = actor.membership.pk
        session["mfa_done"] = True
        session.save()
        return client

    return sign_in
