"""A file as a stream of rows to be made into records, whatever its format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from authorities.selectors import former_codes
from targets.models import Fact, ImportKind, ImportMapping, ImportRun, PastVisit, Site
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


@dataclass(frozen=True)
class Register:
    """What the keys of a run's rows belong to: ``code`` those of sites, ``owned`` those of its
    authority's visits and facts."""

    code: str
    owned: str


def register_of(run: ImportRun) -> Register:
    """Where the rows of a run are kept.

    Who carries on the affairs of an ended authority goes on with its lists, so that nothing that was
    brought in before comes a second time. Not where there is one of their own already or more than
    one to go on with: running numbers of two lists are not the same things.
    """
    code, own = _named(run)

    def of(authority: str) -> Register:
        # The authority's own running numbers: never another's sites.
        source = own_list(code, authority) if own else code
        return Register(source, f"{source}:{authority}"[:40])

    mine, former = of(run.authority.code), sorted(former_codes(run.authority.code))
    if not former or _begun(mine, own, run):
        return mine
    begun = [register for register in map(of, former) if _begun(register, own, run)]
    return begun[0] if len(begun) == 1 else mine


def _named(run: ImportRun) -> tuple[str, bool]:
    """The name of the register, and whether each authority has its own of it."""
    if run.format in REGISTER_FORMATS:
        return "prh", False
    mapping = ImportMapping.objects.filter(code=run.format).first()
    if mapping is None:
        raise FileRefused("unknown_format", name=run.format, known="")
    return str(mapping.options.get("source", mapping.code)), bool(mapping.options.get("own"))


def _begun(register: Register, own: bool, run: ImportRun) -> bool:
    """Whether anything of an authority's register is there. Visits and facts have passed on to the
    authority of the run, with the register's name as it was."""
    facts = Fact.objects.filter(authority=run.authority_id, known_to__isnull=True)
    return (
        (own and Site.objects.filter(source=register.code).exists())
        or PastVisit.objects.filter(source=register.owned).exists()
        or facts.filter(source=register.owned).exists()
    )


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
        register_of(run).code,
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
