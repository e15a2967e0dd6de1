from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from authorities.services.reference import load_areas, load_authorities
from authorities.services.starter import load_powers
from targets.services.mappings import load_mappings
from targets.services.reference import load_indicators, load_industries


class Command(BaseCommand):
    help = "Load areas, authorities, industry classes and import mappings; can be run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", default=str(settings.REFERENCE_DIR / "finland"))

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(options["data"])
        if not (folder / "authorities.yaml").exists():
            raise CommandError(
                f"There is no authorities.yaml in {folder}. Name the folder by --data."
            )
        self.stdout.write(f"Areas: {load_areas(folder)}")
        self.stdout.write(f"Authorities: {load_authorities(folder)}")
        for what, count in load_powers(folder).items():
            self.stdout.write(f"Powers, {what}: {count}")
        self.stdout.write(f"Industry classes: {load_industries(folder)}")
        self.stdout.write(f"Indicators: {load_indicators(folder)}")
        self.stdout.write(f"Import mappings: {load_mappings()}")
