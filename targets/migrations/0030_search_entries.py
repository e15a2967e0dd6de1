"""The search's own table, its words, and one spelling for all text (``targets.models.search``)."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models


# lower case; letters without marks (å and ä are a, ö is o); anything else than letters and digits is
# one space. ``targets.search.normal`` does the same to what is typed.
# Most text is plain once å, ä, ö, é and ü are, and is spared the slower half.
NORMAL = """
CREATE FUNCTION targets_normal(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT btrim(regexp_replace(
    CASE WHEN octet_length(translate(lower(value), 'åäöéü', 'aaoeu')) = char_length(value)
    THEN translate(lower(value), 'åäöéü', 'aaoeu')
    ELSE regexp_replace(translate(lower(normalize(value, NFKD)), 'øæđłßðþ', 'oadlsdt'),
      '[\\u0300-\\u036f]', '', 'g') END,
    '[^[:alnum:]]+', ' ', 'g')) $$;
"""
# A site or company that is deleted, by whomever, takes its entries along.
CASCADE = """
ALTER TABLE targets_searchentry
  ADD CONSTRAINT search_site FOREIGN KEY (site_id) REFERENCES targets_site ON DELETE CASCADE,
  ADD CONSTRAINT search_company FOREIGN KEY (company_id) REFERENCES targets_company
    ON DELETE CASCADE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('targets', '0021_identity_walls'),
    ]

    operations = [
        migrations.CreateModel(
            name='SearchWord',
            fields=[
                ('word', models.TextField(db_collation='C', primary_key=True, serialize=False)),
            ],
            options={
                'ordering': ['word'],
                'indexes': [django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass('word', name='gin_trgm_ops'), name='search_word_trgm')],
            },
        ),
        migrations.CreateModel(
            name='SearchEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('name', 'name'), ('former', 'former name'), ('code', 'identifier')], max_length=10)),
                ('text', models.TextField(db_collation='C')),
                ('shown', models.TextField()),
                ('words', django.contrib.postgres.search.SearchVectorField()),
                ('company', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='search_entries', to='targets.company')),
                ('site', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='search_entries', to='targets.site')),
            ],
            options={
                'ordering': ['text', 'id'],
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['words'], name='search_words'), models.Index(condition=models.Q(models.Q(('kind', 'code'), _negated=True), ('site__isnull', False)), fields=['text'], name='search_site_text'), models.Index(condition=models.Q(models.Q(('kind', 'code'), _negated=True), ('company__isnull', False)), fields=['text'], name='search_company_text'), models.Index(condition=models.Q(('kind', 'code')), fields=['text'], name='search_code')],
                'constraints': [models.UniqueConstraint(fields=('site', 'kind', 'text'), name='search_site_once'), models.UniqueConstraint(fields=('company', 'kind', 'text'), name='search_company_once'), models.CheckConstraint(condition=models.Q(models.Q(('company__isnull', True), ('site__isnull', False)), models.Q(('company__isnull', False), ('site__isnull', True)), _connector='OR'), name='search_of_one')],
            },
        ),
        migrations.RunSQL(NORMAL, "DROP FUNCTION targets_normal(text)"),
        migrations.RunSQL(CASCADE, migrations.RunSQL.noop),
    ]
