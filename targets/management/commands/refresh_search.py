"""Builds the search's entries anew: after an upgrade, or when they are suspected to be behind."""

from typing import Any

from django.core.management.base import BaseCommand

from targets.services.search import refresh_everything


class Command(BaseCommand):
    help = "Bring the entries of the search up to date with the register; may be run at any time."

    def handle(self, *args: Any, **options: Any) -> None:
        done = 0
        for number in refresh_everything():
            done += number
            self.stdout.write(f"{done}")
