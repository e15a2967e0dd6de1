from typing import Any

from django.core.management.base import BaseCommand

from execution.services.checklists import load_checklists


class Command(BaseCommand):
    help = "Load the starter checklists; can be run again. Needs load_reference first."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Checklists: {load_checklists()}")
