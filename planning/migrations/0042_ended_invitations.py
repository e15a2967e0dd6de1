"""Invitations that nobody answered in time give no sight of their operation any more."""

from django.db import migrations

ENDED = """
SELECT set_config('tarkka.system', 'on', true);
DELETE FROM planning_operationgroupobjectpermission p
 USING planning_participation place
  JOIN planning_operation o ON o.id = place.operation_id
  JOIN authorities_unit u ON u.authority_id = place.authority_id
  JOIN authorities_unitgroup g ON g.unit_id = u.id
 WHERE p.content_object_id = o.id AND p.group_id = g.group_id
   AND place.state = 'invited' AND o.state NOT IN ('inviting', 'nominating')
"""


class Migration(migrations.Migration):
    dependencies = [("planning", "0041_arms")]
    operations = [migrations.RunSQL(ENDED, migrations.RunSQL.noop)]
