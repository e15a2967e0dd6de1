import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from planning.price_table import recheck

# Sums of thousands of numbers in another order differ in the last digits.
SAME = 1e-6


class Command(BaseCommand):
    help = (
        "Reckon a plan's worth and the bound that its prices prove again, from its two files alone: "
        "the frozen inputs and the price table. Asks no database and no solver."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("inputs", help="the file of frozen inputs")
        parser.add_argument("prices", help="the file of the prices")

    def handle(self, *args: Any, **options: Any) -> None:
        inputs, table = _read(options["inputs"]), _read(options["prices"])
        try:
            found = recheck(inputs, table)
        except KeyError as missing:
            raise CommandError(f"The two files leave this out: {missing}") from None
        if not found.belongs:
            raise CommandError(
                "The prices are of other inputs: their SHA-256 is not the one named."
            )
        self.stdout.write(f"worth of the visits: {found.value:.6f}, stated {table['value']:.6f}")
        self.stdout.write(f"bound by the prices: {found.bound:.6f}, stated {table['bound']:.6f}")
        if found.broken:
            raise CommandError("The plan does not hold: " + "; ".join(found.broken))
        if found.bound > table["bound"] + SAME * max(1.0, abs(found.bound)):
            self.stdout.write(
                "The stated bound is lower: the solver proved it by looking at what is left, which "
                "the prices alone do not show."
            )


def _read(name: str) -> Any:
    try:
        return json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{name} is no file of JSON that can be read: {error}") from None
