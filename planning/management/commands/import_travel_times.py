import csv
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from planning.services.resources import load_travel_times

COLUMNS = ("from_municipality", "to_municipality", "minutes")


class Command(BaseCommand):
    help = (
        f"Read minutes by road between municipalities from a CSV file with the columns "
        f"{', '.join(COLUMNS)} (codes; both directions hold); may be repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["file"])
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise CommandError(f"The file lacks the columns {', '.join(missing)}.")
            stored, refused = load_travel_times(
                tuple(row[name] or "" for name in COLUMNS) for row in reader
            )
        for line, why in refused:
            self.stdout.write(f"line {line}: {why}")
        self.stdout.write(f"{stored} travel times stored, {len(refused)} rows refused")
