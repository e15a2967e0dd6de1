"""What the import commands share."""

import datetime as dt
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from audit.context import as_system
from audit.errors import RuleViolation
from authorities.models import Authority
from targets.models import ImportMapping, ImportRun, ImportState
from targets.services.imports.life import claim, new_run, stop
from targets.services.imports.messages import file_message, row_message
from targets.services.imports.records import FileRefused
from targets.services.imports.refused_file import write_refused
from targets.services.imports.run import perform
from targets.services.uploads import check_reasons

SHOWN_REFUSALS = 20


class ImportCommand(BaseCommand):
    kind = ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file")
        parser.add_argument("--format", required=True, help="a saved mapping, or prh-v3")
        parser.add_argument(
            "--authority", help="code of the owner of the data",
            **({"default": "PRH"} if self.kind == "sites" else {"required": True}),
        )  # fmt: skip
        parser.add_argument(
            "--shared", action="store_true", help="other authorities may see the visits"
        )
        parser.add_argument(
            "--private", action="store_false", dest="shared", help="only the owner (the default)"
        )
        parser.add_argument(
            "--full-list", action="store_true", help="facts that the file leaves out have ended"
        )
        parser.add_argument("--legal-basis", default="", help="why own material may be held")
        parser.add_argument("--purpose", default="", help="what own material is for")
        parser.add_argument("--delete-on", type=dt.date.fromisoformat, help="YYYY-MM-DD")
        parser.add_argument("--report", help="write refused rows, as they were read, to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["file"])
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        authority = Authority.objects.filter(code=options["authority"]).first()
        if authority is None:
            raise CommandError(
                f"There is no authority {options['authority']}. Run load_reference first."
            )
        self._check_reasons(options)
        try:
            run = new_run(
                kind=self.kind, format=options["format"], file_name=path.name,
                authority=authority, shared=options["shared"],
                legal_basis=options["legal_basis"], purpose=options["purpose"],
                received_on=timezone.localdate(), delete_on=options["delete_on"],
                full_list=options["full_list"],
            )  # fmt: skip
        except FileRefused as refused:
            raise CommandError(file_message(refused.code, refused.params)) from None
        claimed = claim(run.pk)
        assert claimed is not None
        try:
            run = perform(claimed, path, self._progress if options["verbosity"] else None)
        except KeyboardInterrupt:
            stop(claimed)
            raise CommandError(claimed.message) from None
        self._tell(run, options["report"])

    def _check_reasons(self, options: dict[str, Any]) -> None:
        mapping = ImportMapping.objects.filter(kind=self.kind, code=options["format"]).first()
        if mapping is None:
            return
        try:
            check_reasons(mapping, options["legal_basis"], options["purpose"], options["delete_on"])
        except RuleViolation as error:
            raise CommandError(f"{error} (--legal-basis, --purpose, --delete-on)") from None

    def _progress(self, run: ImportRun) -> None:
        total = f" of {run.rows_total}" if run.rows_total else ""
        self.stderr.write(f"{run.rows_read}{total} rows", ending="\r")
        self.stderr.flush()

    @transaction.atomic
    def _tell(self, run: ImportRun, report: str | None) -> None:
        with as_system("the operator at the keyboard has the file itself"):
            self._write(run, report)

    def _write(self, run: ImportRun, report: str | None) -> None:
        refusals = run.refusals.order_by("line", "id")
        if report:
            with Path(report).open("wb") as file:
                write_refused(file, run)
        for r in refusals[:SHOWN_REFUSALS]:
            self.stdout.write(f"line {r.line}, {r.field or '-'}: {row_message(r.code)} {r.value!r}")
        if run.refused_count > SHOWN_REFUSALS:
            self.stdout.write(f"... and {run.refused_count - SHOWN_REFUSALS} more (--report FILE)")
        self.stdout.write(
            f"{run.rows_read} rows read: {run.created_count} new, {run.updated_count} changed, "
            f"{run.unchanged_count} unchanged, {run.refused_count} refused"
        )
        if run.state == ImportState.FAILED:
            raise CommandError(run.message)
