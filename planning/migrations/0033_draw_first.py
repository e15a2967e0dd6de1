from django.db import migrations, models

# Shares of 0 that were set before anybody was asked why. The owner of the table is held by its
# wall too, so that it is put aside for this one statement.
ASKED_SINCE = """
ALTER TABLE planning_selectionsettings NO FORCE ROW LEVEL SECURITY;
UPDATE planning_selectionsettings SET no_draw = '–' WHERE random_share = 0;
ALTER TABLE planning_selectionsettings FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("planning", "0032_team_rules")]

    operations = [
        migrations.AddField(
            model_name="selectionsettings",
            name="no_draw",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.RunSQL(ASKED_SINCE, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="selectionsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(("random_share__gt", 0), models.Q(("no_draw", ""), _negated=True), _connector="OR"),
                name="selection_no_draw_reason",
            ),
        ),
    ]
