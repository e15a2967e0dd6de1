"""Tasks and notifications about a target do not exist for whoever is recused from it."""

from django.db import migrations

from audit.walls import narrow

ABOUT = (
    "(SELECT targets_unrecused()) OR ((site_id IS NULL OR EXISTS (SELECT 1 FROM targets_site s"
    " WHERE s.id = site_id)) AND (company_id IS NULL OR company_id <> ALL"
    " ((SELECT targets_recused_companies())::bigint[])))"
)


class Migration(migrations.Migration):
    dependencies = [("targets", "0003_walls"), ("worklist", "0002_private_and_target")]

    operations = [
        narrow("worklist_task", "recused", ABOUT),
        narrow("worklist_notification", "recused", ABOUT),
    ]
