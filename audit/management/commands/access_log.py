"""``manage.py access_log verify [--expect NUMBER:HASH]``: is the access log whole?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import chain


class Command(BaseCommand):
    help = "Checks the chain of the access log and names the first broken link."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["verify", "seal"])
        parser.add_argument("--expect", metavar="NUMBER:HASH", help="a head noted earlier")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "seal":
            self.stdout.write(f"linked {chain.seal()} entries")
            return
        expected = None
        if options["expect"]:
            number, _colon, value = options["expect"].partition(":")
            if not number.isdigit() or len(value) != 64:
                raise CommandError("--expect wants NUMBER:HASH as printed by an earlier check")
            expected = (int(number), value)
        verdict = chain.verify(expected)
        if verdict.broken_at is not None:
            raise CommandError(f"BROKEN at link {verdict.broken_at}: {verdict.why}")
        self.stdout.write(
            f"whole: {verdict.number} links, {verdict.waiting} entries not linked yet\n"
            f"head {verdict.number}:{verdict.hash}"
        )
