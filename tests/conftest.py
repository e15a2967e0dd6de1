"""One test database, made by the owner role and used by the application's role, as in production."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from audit.grants import grant_app_role


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """Migrate as the owner; the application's connection gets its rights and nothing more."""
    keep = request.config.getvalue("reuse_db") and not request.config.getvalue("create_db")
    owner, application = connections["owner"], connections["default"]
    with django_db_blocker.unblock():
        normal = application.settings_dict["NAME"]
        owner.creation.create_test_db(verbosity=0, autoclobber=True, keepdb=keep)
        grant_app_role(owner, str(application.settings_dict["USER"]))
        application.close()
        application.settings_dict["NAME"] = owner.settings_dict["NAME"]
    yield
    with django_db_blocker.unblock():
        connections.close_all()
        application.settings_dict["NAME"] = normal
        if not keep:
            owner.creation.destroy_test_db(normal, verbosity=0)
