from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from audit.grants import grant_app_role


class Command(BaseCommand):
    help = "Give the application's database role its rights. Run as the owner after migrating."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role")
        parser.add_argument("--database", default="default")

    def handle(self, *args: Any, **options: Any) -> None:
        grant_app_role(connections[options["database"]], options["role"])
        self.stdout.write(f"Role {options['role']} may use the tables.")
