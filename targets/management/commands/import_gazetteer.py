from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from targets.services.gazetteer import COLUMNS, load_gazetteer
from targets.services.imports.messages import file_message, row_message
from targets.services.imports.records import FileRefused


class Command(BaseCommand):
    help = (
        "Read coordinates of addresses from a CSV or Parquet file with the columns "
        f"{', '.join(COLUMNS)} (degrees, WGS 84) and place sites that have none; may be repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file")
        parser.add_argument("--source", default="", help="name of the gazetteer; else the file's")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["file"])
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            loaded = load_gazetteer(path, source=options["source"])
        except FileRefused as refused:
            raise CommandError(file_message(refused.code, refused.params)) from None
        for line, code, value in loaded.reasons:
            self.stdout.write(f"line {line}: {row_message(code)} {value}")
        self.stdout.write(
            f"{loaded.addresses} addresses stored, {loaded.refused} rows refused, "
            f"{loaded.located} sites placed"
        )
