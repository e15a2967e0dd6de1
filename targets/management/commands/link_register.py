"""Compare the register with itself and propose what may be the same."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import Conflict
from targets.models import Kind, LinkRun, RunState
from targets.services.identity import linkage


class Command(BaseCommand):
    help = "Compare sites and companies of all sources; may be repeated without doubling."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--kind", choices=[*Kind.values, "all"], default="all")
        parser.add_argument(
            "--changed", action="store_true", help="only what changed since the last comparison"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        kinds = Kind.values if options["kind"] == "all" else [options["kind"]]
        for kind in kinds:
            try:
                run = linkage.new_run(kind=kind, full=not options["changed"])
            except Conflict as conflict:
                raise CommandError(f"{kind}: {conflict}") from None
            claimed = linkage.claim(run.pk)
            if claimed is None:
                raise CommandError(f"{kind}: a worker has taken the comparison up.")
            run = linkage.perform(claimed, self._progress if options["verbosity"] else None)
            if run.state == RunState.FAILED:
                raise CommandError(f"{kind}: {run.message}")
            self.stdout.write(
                f"{kind}: {run.rows_read} rows read, {run.pairs_found} pairs found,"
                f" {run.pairs_new} of them new"
            )

    def _progress(self, run: LinkRun) -> None:
        of = f", part {run.chunks_done} of {run.chunks_total}" if run.chunks_total else ""
        self.stderr.write(f"{run.kind}: {run.phase}, {run.rows_read} rows{of}   ", ending="\r")
        self.stderr.flush()
