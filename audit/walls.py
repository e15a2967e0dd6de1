"""Row-level security: what a table's rows answer to raw SQL of the application's role.

Each wall is written in a migration with ``wall``; the rule in Python (``visible_to``) stands in
front of it and is narrower or equal. A policy asks only ``tarkka_authority()``, ``tarkka_user()``
and ``tarkka_system()`` (see ``audit.context``), wrapped in a sub-select so that PostgreSQL asks
once a query and not once a row.
"""

from django.db.migrations import RunSQL

AUTHORITY = "(SELECT tarkka_authority())"
USER = "(SELECT tarkka_user())"
SYSTEM = "(SELECT tarkka_system())"


def wall(table: str, using: str, *, check: str | None = None, insert: str | None = None) -> RunSQL:
    """Migration operation: only rows that meet ``using`` exist for the acting authority.

    ``check`` is what may be changed or removed and what comes of it (default: ``using``),
    ``insert`` what may be added (default: ``check``). The system passes. The owner of the table is
    held too (``FORCE``).
    """
    see, write = f"{SYSTEM} OR ({using})", f"{SYSTEM} OR ({check or using})"
    add = f"{SYSTEM} OR ({insert or check or using})"
    return RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY wall ON {table} AS PERMISSIVE USING ({see}) WITH CHECK ({see});
        CREATE POLICY wall_insert ON {table} AS RESTRICTIVE FOR INSERT WITH CHECK ({add});
        CREATE POLICY wall_update ON {table} AS RESTRICTIVE FOR UPDATE
            USING ({write}) WITH CHECK ({write});
        CREATE POLICY wall_delete ON {table} AS RESTRICTIVE FOR DELETE USING ({write});
        """,
        f"""
        DROP POLICY wall ON {table};
        DROP POLICY wall_insert ON {table};
        DROP POLICY wall_update ON {table};
        DROP POLICY wall_delete ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


def narrow(table: str, name: str, using: str) -> RunSQL:
    """Migration operation: hide rows on top of any other rule; the system passes.

    The table needs no ``wall``: one that lets every row through is made where there is none.
    """
    return RunSQL(  # the names come from migrations, never from a request
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        DO $$ BEGIN
          IF NOT EXISTS (SELECT 1 FROM pg_policies
                         WHERE schemaname = 'public' AND tablename = '{table}'
                           AND permissive = 'PERMISSIVE') THEN
            CREATE POLICY everybody ON {table} AS PERMISSIVE USING (true) WITH CHECK (true);
          END IF;
        END $$;
        CREATE POLICY {name} ON {table} AS RESTRICTIVE FOR SELECT USING ({SYSTEM} OR ({using}));
        """,  # noqa: S608
        f"DROP POLICY {name} ON {table};",
    )
