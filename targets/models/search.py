"""What the one search box looks through: names, identifiers and addresses, brought to one spelling.

Public register data only. The rows have no wall of their own: whoever reads them asks for each row
whether its site or company is visible (``targets.search``), because PostgreSQL uses no text index
of a table that has row-level security (docs/decisions/0015).
"""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from targets.models.register import Company, Site


class EntryKind(models.TextChoices):
    NAME = "name", _("name")
    FORMER = "former", _("former name")
    CODE = "code", _("identifier")


class SearchEntry(models.Model):
    """One name or identifier of one site or company; written by ``targets.services.search`` only.

    ``text`` is ``targets_normal(shown)``: lower case, letters without marks, words apart by one
    space; of an identifier the letters and digits alone. ``words`` holds the name, the address, the
    place in Finnish and Swedish, of a site also its company's name and identifier; and besides
    ``#s`` or ``#c`` (what it is) and ``#12`` (the region's id), so that the index alone narrows.
    """

    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="search_entries",
        db_index=False, db_constraint=False,  # the migration makes one that cascades by itself
    )  # fmt: skip
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.CASCADE, related_name="search_entries",
        db_index=False, db_constraint=False,
    )  # fmt: skip
    kind = models.CharField(max_length=10, choices=EntryKind.choices)
    text = models.TextField(db_collation="C")
    shown = models.TextField()
    words = SearchVectorField()

    class Meta:
        ordering = ["text", "id"]
        indexes = [
            GinIndex(fields=["words"], name="search_words"),
            # Walked in the order of the texts; codes stand apart, or each walk would begin with all.
            models.Index(fields=["text"], name="search_site_text",
                         condition=Q(~Q(kind="code"), site__isnull=False)),
            models.Index(fields=["text"], name="search_company_text",
                         condition=Q(~Q(kind="code"), company__isnull=False)),
            models.Index(fields=["text"], name="search_code", condition=Q(kind="code")),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(fields=["site", "kind", "text"], name="search_site_once"),
            models.UniqueConstraint(fields=["company", "kind", "text"], name="search_company_once"),
            models.CheckConstraint(
                condition=Q(site__isnull=False, company__isnull=True)
                | Q(site__isnull=True, company__isnull=False),
                name="search_of_one",
            ),
        ]


class SearchWord(models.Model):
    """Every word of the entries that begins with three letters and goes on, once.

    Where a mistyped word looks for what was meant, and a begun one for how it may go on.
    """

    word = models.TextField(primary_key=True, db_collation="C")

    class Meta:
        ordering = ["word"]
        indexes = [GinIndex(OpClass("word", name="gin_trgm_ops"), name="search_word_trgm")]
