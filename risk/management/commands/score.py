"""Score all sites now, or open the score of one."""

import datetime as dt
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from audit.context import as_system
from audit.errors import Conflict
from risk.engine.reasons import explain
from risk.models import RunState, ScoringRun
from risk.services import scoring
from targets.models import Site


class Command(BaseCommand):
    help = "Score all sites with the active models; --site opens one site's scores instead."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of", type=dt.date.fromisoformat, help="a past day, YYYY-MM-DD")
        parser.add_argument("--site", help="id of a site: score it anew and show why")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["site"]:
            self._site(options["site"], options["as_of"])
            return
        try:
            run = scoring.run_scoring(
                options["as_of"], self._progress if options["verbosity"] else None
            )
        except Conflict as conflict:
            raise CommandError(str(conflict)) from None
        if run.state != RunState.DONE:
            raise CommandError(run.message or f"The run is {run.state}.")
        seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at else 0
        self.stdout.write(f"{run.sites} sites scored as of {run.as_of} in {seconds:.0f} s")

    def _progress(self, run: ScoringRun) -> None:
        self.stderr.write(f"step {run.done_steps} of {run.steps}   ", ending="\r")
        self.stderr.flush()

    def _site(self, wanted: str, as_of: dt.date | None) -> None:
        with transaction.atomic(), as_system("a command opens a score"):
            found = Site.objects.filter(**_key(wanted)).first()
            if found is None:
                raise CommandError(f"There is no site {wanted}.")
            if as_of is None:
                scoring.refresh([found.pk])
            for version in scoring.versions_on(as_of or timezone.localdate()):
                opened = explain(version, found.pk, as_of)
                self.stdout.write(
                    f"{version}: {opened.points / 100:.2f} points, p {opened.p:.3f}"
                    f" ({opened.p_low:.3f} to {opened.p_high:.3f}), {opened.coverage} % known,"
                    f" as of {opened.as_of}"
                )
                for part in opened.contributions:
                    self.stdout.write(
                        f"  {part.points / 100:8.2f}  {part.indicator.indicator.code}:"
                        f" {'not known' if part.value is None else part.value}"
                        + (f", {part.on}" if part.on else "")
                    )


def _key(wanted: str) -> dict[str, Any]:
    if wanted.isdigit():
        return {"pk": int(wanted)}
    try:
        return {"public_id": uuid.UUID(wanted)}
    except ValueError:
        raise CommandError(f"There is no site {wanted}.") from None
