"""Walls of facts, links and imports; the staging table is not logged (see ``ImportRow``)."""

from django.db import migrations

from audit.walls import AUTHORITY, narrow, wall

FREE = "(SELECT targets_unrecused())"


def away_from(*, sites: tuple[str, ...] = (), companies: tuple[str, ...] = ()) -> str:
    """Rows that name no site or company the acting person is recused from."""
    tests = [
        f"({column} IS NULL OR EXISTS (SELECT 1 FROM targets_site s WHERE s.id = {column}))"
        for column in sites
    ] + [
        f"({column} IS NULL OR {column} <> ALL ((SELECT targets_recused_companies())::bigint[]))"
        for column in companies
    ]
    return f"{FREE} OR ({' AND '.join(tests)})"


class Migration(migrations.Migration):
    dependencies = [("targets", "0008_national_register")]

    operations = [
        wall(
            "targets_fact", f"shared OR authority_id = {AUTHORITY}",
            check=f"authority_id = {AUTHORITY}",
        ),
        wall(
            "targets_link", f"authority_id IS NULL OR authority_id = {AUTHORITY}",
        ),
        wall("targets_importrun", f"authority_id = {AUTHORITY}"),
        wall(
            "targets_importrefusal",
            "run_id = ANY (ARRAY(SELECT r.id FROM targets_importrun r))",
        ),
        narrow("targets_fact", "recused", away_from(sites=("site_id",), companies=("company_id",))),
        narrow(
            "targets_link", "recused",
            away_from(
                sites=("from_site_id", "to_site_id", "at_site_id"),
                companies=("from_company_id", "to_company_id"),
            ),
        ),
        narrow("targets_personrole", "recused", away_from(companies=("company_id",))),
        narrow(
            "targets_registerchange", "recused",
            away_from(sites=("site_id",), companies=("company_id",)),
        ),
        migrations.RunSQL(
            "ALTER TABLE targets_importrow SET UNLOGGED",
            "ALTER TABLE targets_importrow SET LOGGED",
        ),
    ]  # fmt: skip
