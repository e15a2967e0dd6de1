"""The database connection: a transaction begins by saying for whom it works."""

from typing import Any

from django.db.backends.postgresql import base

from audit import context


class DatabaseWrapper(base.DatabaseWrapper):
    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs leave it out
        # Autocommit goes off where the outermost atomic block begins; what is set here ends with
        # that transaction. Nobody is said too: whatever the session holds counts for nothing.
        if not autocommit:
            context.apply(self)


Database: Any = base.Database  # type: ignore[attr-defined]  # the stubs leave it out
