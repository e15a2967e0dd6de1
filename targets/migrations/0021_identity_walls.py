"""Walls of identity: recusals hide pairs, merges and hints; what a merge moved is the system's."""

from django.db import migrations

from audit.walls import narrow, wall

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
    dependencies = [("targets", "0020_identity")]

    operations = [
        narrow(
            "targets_matchpair", "recused",
            away_from(
                sites=("site_a_id", "site_b_id"), companies=("company_a_id", "company_b_id")
            ),
        ),
        narrow(
            "targets_merge", "recused",
            away_from(
                sites=("site_loser_id", "site_survivor_id"),
                companies=("company_loser_id", "company_survivor_id"),
            ),
        ),
        narrow("targets_successorhint", "recused", away_from(companies=("old_id", "new_id"))),
        # How many rows moved would tell what others have on the target.
        wall("targets_mergemove", "open", check="false"),
    ]  # fmt: skip
