"""The refused rows of an import as a file that can be mended and loaded again."""

import csv
import io
import json
import re
from typing import IO, Any

from django.utils.translation import gettext as _

from targets.field_words import refused_words
from targets.models import ImportRun
from targets.services.imports.messages import row_message
from targets.services.imports.readers import marked
from targets.services.imports.sources import REGISTER_FORMATS
from ui.exports import safe_text

NUMBER = re.compile(r"-?[0-9]+([.,][0-9]+)?")


def as_json(run: ImportRun) -> bool:
    """Whether the file is JSON: as the one that was read."""
    return run.format in REGISTER_FORMATS


def write_refused(file: IO[bytes] | Any, run: ImportRun) -> None:
    """Write the run's refused rows as they were read, with the reason.

    Of a table a CSV with the file's own columns (three more are added, which a mapping passes
    over), of the company register a JSON list of the records.
    """
    (_write_json if as_json(run) else _write_csv)(file, run)


def _write_csv(file: Any, run: ImportRun) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, delimiter=";")
    writer.writerow([*map(_cell, run.columns), _("Line"), _("Field"), _("Reason")])
    for refusal in run.refusals.order_by("line", "id").iterator(chunk_size=1_000):
        row = refusal.row or {}
        writer.writerow(
            [*(_cell(row.get(name)) for name in run.columns), refusal.line,
             _cell(refused_words(refusal.field, refusal.code, run.columns)),
             row_message(refusal.code)]
        )  # fmt: skip
    text.detach()


def _cell(value: Any) -> Any:
    """A cell for a spreadsheet: text that would run as a formula is marked as text.

    Reading takes one mark off, so what begins with one by itself gets a second. A number is left
    as it is: it cannot run.
    """
    if not isinstance(value, str):
        return "" if value is None else value
    if NUMBER.fullmatch(value):
        return value
    return safe_text(marked(value))


def _write_json(file: Any, run: ImportRun) -> None:
    file.write(b"[")
    comma = b""
    rows = run.refusals.filter(row__isnull=False).order_by("line", "id")
    for refusal in rows.iterator(chunk_size=1_000):
        file.write(comma + json.dumps(refusal.row, ensure_ascii=False).encode())
        comma = b",\n"
    file.write(b"]")
