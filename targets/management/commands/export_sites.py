from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import QuerySet

from audit.context import as_system
from targets.models import Site
from targets.services.register_export import write_sites


class Command(BaseCommand):
    help = "Write sites as CSV that import_sites --format sites reads back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file")
        parser.add_argument("--source", help="the register whose sites are written")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        with as_system("the operator at the keyboard exports public register data"):
            sites = Site.objects.filter(merged_into=None).select_related(
                "company", "industry__edition", "municipality"
            )
            if options["source"]:
                sites = sites.filter(source=options["source"])
            else:
                self._refuse_several(sites)
            path = Path(options["file"])
            with path.open("w", encoding="utf-8", newline="") as file:
                count = write_sites(file, sites.order_by("source", "source_key").iterator(2_000))
        self.stdout.write(f"{count} sites written to {path}")

    def _refuse_several(self, sites: QuerySet[Site]) -> None:
        """Two registers may use the same key; in a file they would be one place."""
        names = list(sites.order_by("source").values_list("source", flat=True).distinct()[:20])
        if len(names) > 1:
            raise CommandError(
                f"There are sites of several registers: {', '.join(names)}. A key says nothing "
                "without its register: name one with --source."
            )
