"""The questions that row-level security asks; see ``audit.context`` and ``audit.walls``."""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION tarkka_authority() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT nullif(current_setting('tarkka.authority', true), '')::bigint $$;
CREATE FUNCTION tarkka_user() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT nullif(current_setting('tarkka.user', true), '')::bigint $$;
CREATE FUNCTION tarkka_system() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT coalesce(current_setting('tarkka.system', true), '') = 'on' $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_event_append_only")]

    operations = [
        migrations.RunSQL(
            FUNCTIONS,
            "DROP FUNCTION tarkka_authority(); DROP FUNCTION tarkka_user();"
            "DROP FUNCTION tarkka_system();",
        )
    ]
