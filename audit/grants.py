"""What the application's database role may do. Run as the owner, after every migration."""

from django.db.backends.base.base import BaseDatabaseWrapper

APPEND_ONLY = ("audit_event", "audit_accessentry", "audit_accesslink")


def grant_app_role(connection: BaseDatabaseWrapper, role: str) -> None:
    """Give ``role`` reading and writing of all tables, but only adding to events and the access log.

    The role owns nothing, so it can neither change the schema nor switch triggers off.
    """
    name = connection.ops.quote_name(role)
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
        cursor.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}"
        )
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}")
        for table in APPEND_ONLY:
            cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {name}")
        cursor.execute(f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {name}")
