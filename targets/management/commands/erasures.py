"""``manage.py erasures verify``: do the proofs of erasure hold, and is nothing overdue?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from targets.models import Erasure
from targets.services.retention import doubts


class Command(BaseCommand):
    help = "Checks that what was proven to be erased is gone, and that nothing is overdue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify"])

    def handle(self, *args: Any, **options: Any) -> None:
        found = doubts()
        for line in found:
            self.stderr.write(line)
        if found:
            raise CommandError(f"{len(found)} doubts")
        self.stdout.write(f"{number_of_proofs()} proofs hold; nothing is overdue.")


def number_of_proofs() -> int:
    from django.db import transaction

    from audit.context import as_system

    with transaction.atomic(), as_system("only their number is told"):
        return Erasure.objects.count()
