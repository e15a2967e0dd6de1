"""A file as a stream of rows to be made into records, whatever its format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from targets.models import ImportKind, ImportMapping, ImportRun
from targets.services.imports import prh, prh_v1, readers, workbooks
from targets.services.imports.records import FileRefused
from targets.services.imports.staging import Record
from targets.services.imports.tabular import Table
from targets.source_words import own_list

REGISTER_FORMATS = {"prh-v3": (prh.record, "companies"), "prh-v1": (prh_v1.record, "results")}
# line, what makes the record of it (None: nothing to store), the row as it was read
SourceRow = tuple[int, Callable[[], Record | None], dict[str, Any]]


@dataclass
class Source:
    """``code``: the register that the keys belong to; ``total``: rows, None where not known."""

    code: str
    rows: Iterator[SourceRow]
    total: int | None = None
    columns: list[str] = field(default_factory=list)
    country: str = "FI"
    sure: bool = False  # read to its end once already: nothing can refuse the file any more
    open: bool = False  # an open register: what it says is for everybody
    place: readers.Place = field(default_factory=readers.Place)  # where ``total`` is not known


def source_code(run: ImportRun) -> str:
    """The register that the keys of a run's rows belong to."""
    if run.format in REGISTER_FORMATS:
        return "prh"
    mapping = ImportMapping.objects.filter(code=run.format).first()
    if mapping is None:
        raise FileRefused("unknown_format", name=run.format, known="")
    code = str(mapping.options.get("source", mapping.code))
    # The authority's own running numbers: never another's sites.
    return own_list(code, run.authority.code) if mapping.options.get("own") else code


def open_source(run: ImportRun, path: Path, tick: Callable[[], None]) -> Source:
    """Look over the file and make ready to read it; FileRefused for what cannot be read."""
    place = readers.Place()
    if run.format in REGISTER_FORMATS:
        make, name = REGISTER_FORMATS[run.format]
        rows = (
            (line, lambda d=data: make(d), data)
            for line, data in readers.json_companies(path, name, place)
        )
        return Source("prh", rows, open=True, place=place)
    mapping = ImportMapping.objects.filter(code=run.format).first()
    if mapping is None:
        raise FileRefused("unknown_format", name=run.format, known="")
    if mapping.kind != run.kind:
        raise FileRefused("wrong_kind", name=run.format)
    table = Table(mapping.columns, mapping.options, private=mapping.own_material and not run.shared)
    survey, found = _table(path, table, mapping.options, tick, place)
    for name in table.needed():
        if name not in survey.columns:
            shown = ", ".join(c[:60] for c in survey.columns[:30] if c)
            raise FileRefused("no_columns", column=name, mapping=mapping.code, found=shown)
    make_of: dict[ImportKind, Callable[[dict[str, Any]], Record | None]] = {
        ImportKind.SITES: table.site, ImportKind.VISITS: table.visit, ImportKind.FACTS: table.fact,
        ImportKind.ROLES: table.role,
    }  # fmt: skip
    make_row = make_of[ImportKind(mapping.kind)]
    return Source(
        source_code(run),
        (
            (line, lambda r=row: make_row(dict(r)), row)  # type: ignore[misc]  # no defaults in mypy
            for line, row in found
        ),
        total=survey.rows or None,
        sure=not workbooks.is_workbook(path),
        columns=[name for name in survey.columns if name],
        country=mapping.options.get("country", "FI"),
        open=bool(mapping.options.get("open")),
        place=place,
    )


def _table(
    path: Path, table: Table, options: dict[str, Any], tick: Callable[[], None],
    place: readers.Place,
) -> tuple[readers.Survey, Iterator[readers.Row]]:  # fmt: skip
    if path.stat().st_size == 0:
        raise FileRefused("empty")
    if workbooks.is_workbook(path):
        survey = workbooks.survey(path, table.needed(), tick)
        readers.refuse_personal_columns(survey)
        return survey, workbooks.rows(path, survey, tick, place)
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        raise FileRefused("xlsx_broken")
    survey = readers.survey_table(path, table.needed(), options, tick)
    return survey, readers.table_rows(path, survey)
