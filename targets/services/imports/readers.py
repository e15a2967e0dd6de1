"""Opening files as streams of rows: CSV, Parquet, JSON. Nothing is read whole into memory.

Every reader first looks over the whole file once (``survey``): what cannot be read to its end is
refused before the first row is stored.
"""

import codecs
import csv
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import ijson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from targets.services.imports.quoted import records
from targets.services.imports.records import SHAPE, FileRefused, storable

MAX_LINE = 1_000_000
MAX_RECORD = 64 * 1024**2
MAX_UNPACKED = 8 * 1024**3
MAX_RATIO = 300
MAX_WHOLE = 512 * 2**20  # bytes of what is held in memory at once
# Parquet writes what repeats once, so small files unpack to a lot: this many bytes are always allowed
# to become ``MAX_RATIO`` times as many.
SMALL = 2**20
BLOCK = MAX_LINE  # so that only a line that runs on over blocks can be endless
HEADER_WITHIN = 30  # title rows may stand above the header
PERSONAL_COLUMNS = {
    "hetu", "henkilötunnus", "henkilotunnus", "sotu", "personbeteckning", "personnummer",
    "personal identity code", "personal id", "social security number", "ssn",
}  # fmt: skip
# Bytes that Windows-1252 does not have: a file with them is in some other encoding.
NOT_IN_CP1252 = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))

# Text that would run as a formula, marked as text with an apostrophe (``ui.exports.safe_text``).
MARKED = re.compile(r"'+(\s*[=+\-@＝＋－＠]|[\t\r\n])")

Row = tuple[int, dict[str, Any]]
Tick = Callable[[], None]


@dataclass
class Place:
    """How far a file has been read whose rows nobody has counted: bytes, unpacked."""

    done: int = 0
    of: int = 0


@dataclass
class Survey:
    """What the first look over a table found."""

    columns: list[str]
    rows: int  # of a CSV file: its lines below the header, a record of two lines counts twice
    encoding: str = ""
    delimiter: str = ""
    header_line: int = 1


def survey_table(path: Path, needed: Sequence[str], options: dict[str, Any], tick: Tick) -> Survey:
    """Look over a CSV or Parquet file; refuses what is no table or has personal identity codes."""
    if path.stat().st_size == 0:
        raise FileRefused("empty")
    parquet = is_parquet(path)
    if path.suffix.lower() == ".parquet" and not parquet:
        raise FileRefused("not_parquet")
    found = _survey_parquet(path, tick) if parquet else _survey_csv(path, needed, options, tick)
    refuse_personal_columns(found)
    return found


def refuse_personal_columns(survey: Survey) -> None:
    """Columns of personal identity codes do not belong in a register of companies."""
    for name in survey.columns:
        if name.casefold() in PERSONAL_COLUMNS:
            raise FileRefused("personal_column", column=name)


def table_rows(path: Path, survey: Survey) -> Iterator[Row]:
    """Rows with the line they begin on (of a Parquet file: their number)."""
    return _csv_rows(path, survey) if survey.encoding else _parquet_rows(path)


# -------------------------------------------------------------------- delimited text
def _encoding_and_lines(path: Path, tick: Tick) -> tuple[str, int]:
    """Encoding (BOM, then UTF-8 to the last byte, else Windows-1252) and number of lines."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8 = cp1252 = True
    lines = length = 0
    encoding = ""
    block = b"\n"
    with path.open("rb") as file:
        head = file.read(4)
        if head in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
            raise FileRefused("encoding")
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        elif head.startswith(codecs.BOM_UTF8):
            encoding = "utf-8-sig"
        file.seek(0)
        while chunk := file.read(BLOCK):
            tick()
            block = chunk
            if b"\0" in block and encoding != "utf-16":
                raise FileRefused("binary")
            if utf8:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    utf8 = False
            cp1252 = cp1252 and block.translate(None, NOT_IN_CP1252) == block
            ends = [at for at in (block.find(b"\n"), block.find(b"\r")) if at >= 0]
            length += min(ends) if ends else len(block)
            if length > MAX_LINE:
                raise FileRefused("long_line", line=lines + 1)
            if ends:
                length = len(block) - max(block.rfind(b"\n"), block.rfind(b"\r")) - 1
            lines += max(block.count(b"\n"), block.count(b"\r"))
    try:
        decoder.decode(b"", final=True)  # a letter cut short by the end of the file
    except UnicodeDecodeError:
        utf8 = False
    if not encoding:
        encoding = "utf-8" if utf8 else "cp1252"
    if (encoding == "cp1252" and not cp1252) or (encoding == "utf-8-sig" and not utf8):
        raise FileRefused("encoding")
    return encoding, lines + (0 if block.endswith((b"\n", b"\r", b"\n\0")) else 1)


def _lines(file: IO[str], number: int = 0) -> Iterator[str]:
    """Lines of a text file, refusing endless ones."""
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) >= MAX_LINE:
            raise FileRefused("long_line", line=number)
        yield line


def column_name(text: str) -> str:
    """The name of a column; of a bilingual one (``fi | sv``) the first half."""
    return unicodedata.normalize("NFC", str(storable(text)).split(" | ")[0].strip())


def _names(line: str, delimiter: str) -> list[str]:
    """Column names of a header line."""
    try:
        values = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [column_name(value[1:] if MARKED.match(value) else value) for value in values]


def _delimiter(line: str) -> str:
    """The sign a header line uses most; a bar with spaces stands between two languages."""
    return max(";,\t|", key=line.replace(" | ", " ").count)


def _survey_csv(path: Path, needed: Sequence[str], options: dict[str, Any], tick: Tick) -> Survey:
    """The header is the first line, or the first of the first lines that has every column."""
    encoding, lines = _encoding_and_lines(path, tick)
    encoding = options.get("encoding") or encoding
    with path.open(encoding=encoding, newline="", errors="replace") as file:
        first: Survey | None = None
        for number, line in enumerate(_lines(file), start=1):
            if number > HEADER_WITHIN:
                break
            if not line.strip(" \t\r\n;,"):
                continue
            delimiter = options.get("delimiter") or _delimiter(line)
            names = _names(line, delimiter)
            survey = Survey(names, max(0, lines - number), encoding, delimiter, number)
            first = first or survey
            if names and set(needed) <= set(names):
                return survey
    if first is None:
        raise FileRefused("empty")
    return first


def _csv_rows(path: Path, survey: Survey) -> Iterator[Row]:
    with path.open(encoding=survey.encoding, newline="", errors="replace") as file:
        lines = _lines(file)
        for _ in range(survey.header_line):
            next(lines)
        names = survey.columns
        for record in records(lines, survey.delimiter, len(names)):
            values = record.values
            whole = "".join(values)
            if not whole.strip() and not record.wrong:
                continue
            if "'" in whole:
                values = [v[1:] if MARKED.match(v) else v for v in values]
            row: dict[str, Any] = dict(zip(names, values, strict=False))
            if record.wrong:
                row[SHAPE] = record.wrong
            elif len(values) > len(names) and any(v.strip() for v in values[len(names) :]):
                row[SHAPE] = "row_shape"
            yield survey.header_line + record.line + 1, row


def marked(value: str) -> str:
    """``value`` so that it is read back as it is: of what looks marked reading takes one mark."""
    return f"'{value}" if MARKED.match(value) else value


# -------------------------------------------------------------------- Parquet
@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """The file, its texts read as what they are written as: each once, and which row has which."""
    try:
        with pq.ParquetFile(path) as file:
            texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise FileRefused("not_parquet") from None


def is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return (types.is_string(kind) or types.is_large_string(kind)
            or types.is_binary(kind) or types.is_large_binary(kind))  # fmt: skip


def _flat(file: pq.ParquetFile) -> list[str]:
    """Columns that hold one value a row: lists and structures are no cells of a table."""
    return [field.name for field in file.schema_arrow if not pa.types.is_nested(field.type)]


def _survey_parquet(path: Path, tick: Tick) -> Survey:
    with _parquet(path) as file:
        _refuse_bombs(path, file.metadata)
        columns, size, row = _flat(file), 0, 0
        for batch in file.iter_batches(batch_size=10_000, columns=columns):
            tick()
            batch.validate(full=True)
            lengths = _lengths(batch)
            if batch.num_rows and pc.max(lengths).as_py() > MAX_LINE:
                line = pc.index(pc.greater(lengths, MAX_LINE), True).as_py()
                raise FileRefused("long_line", line=row + line + 1)
            size += pc.sum(lengths).as_py() or 0
            row += batch.num_rows
            _refuse_size(path, size)
        return Survey([str(storable(name)) for name in columns], row)


def _refuse_bombs(path: Path, stated: pq.FileMetaData) -> None:
    """By what the file states of itself, before anything is unpacked."""
    groups = [stated.row_group(number) for number in range(stated.num_row_groups)]
    chunks = [group.column(number).total_uncompressed_size
              for group in groups for number in range(group.num_columns)]  # fmt: skip
    if max(chunks, default=0) > MAX_WHOLE:  # of a column a whole group is unpacked at once
        raise FileRefused("zip_size", limit="512 MiB")
    # A row takes a byte at least: of columns that say nothing there may be any number of rows.
    _refuse_size(path, max(sum(chunks), stated.num_rows))


def _refuse_size(path: Path, size: int) -> None:
    if size > min(MAX_UNPACKED, MAX_RATIO * max(SMALL, path.stat().st_size)):
        raise FileRefused("zip_size", limit="8 GiB")


def _lengths(batch: pa.RecordBatch) -> pa.Array:
    """Bytes of each row when every text stands where it is used; other cells count for eight."""
    lengths = pa.repeat(pa.scalar(8 * batch.num_columns, pa.int64()), batch.num_rows)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            if not _is_text(column.type.value_type):
                continue
            of = pc.binary_length(column.dictionary).take(column.indices)
        elif _is_text(column.type):
            of = pc.binary_length(column)
        else:
            continue
        lengths = pc.add(lengths, pc.cast(pc.fill_null(of, 0), pa.int64()))
    return lengths


def _parquet_rows(path: Path) -> Iterator[Row]:
    number = 0
    with _parquet(path) as file:
        columns = _flat(file)
        names = [str(storable(name)) for name in columns]
        for batch in file.iter_batches(batch_size=2_000, columns=columns):
            # In small parts: a text that stands once in the batch becomes one in every row.
            for start in range(0, batch.num_rows, 100):
                part = batch.slice(start, 100)
                for values in zip(*(column.to_pylist() for column in part.columns), strict=True):
                    number += 1
                    yield number, dict(zip(names, values, strict=True))


# -------------------------------------------------------------------- the register's JSON
class _Metered:
    """A byte stream without its BOM that refuses to feed one endless record to the parser."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.read_so_far = 0
        self.since_record = 0
        self.record = 1
        self._head = file.read(256).removeprefix(codecs.BOM_UTF8)
        self.is_list = self._head.lstrip().startswith(b"[")

    def read(self, size: int = -1) -> bytes:
        if size == 0:  # how the parser asks whether it gets bytes
            return b""
        block, self._head = (self._head or self.file.read(size)), b""
        self.read_so_far += len(block)
        self.since_record += len(block)
        if self.since_record > MAX_RECORD:
            raise FileRefused("long_record", record=self.record)
        return block

    def next_record(self) -> None:
        self.since_record = 0
        self.record += 1


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """The JSON itself, taken out of its zip when it is in one, and how many bytes it has."""
    with path.open("rb") as file:
        packed = file.read(2) == b"PK"
        file.seek(0)
        if not packed:
            yield file, path.stat().st_size
            return
        try:
            with zipfile.ZipFile(file) as archive:
                members = [m for m in archive.infolist() if not m.is_dir()]
                if len(members) != 1 or not members[0].filename.lower().endswith(".json"):
                    raise FileRefused("zip_content")
                member = members[0]
                ratio = member.file_size / max(1, member.compress_size)
                if member.file_size > MAX_UNPACKED or ratio > MAX_RATIO:
                    raise FileRefused("zip_size", limit="8 GiB")
                with archive.open(member) as stream:
                    yield stream, member.file_size
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            raise FileRefused("zip_broken") from None


def _is_one(path: Path, name: str) -> bool:
    """Whether the JSON is one company asked for by itself, however written, not a list of them."""
    with _opened(path) as (file, _size):
        stream = _Metered(file)
        if stream.is_list:
            return False
        try:
            for prefix, event, value in ijson.parse(stream):
                if prefix == "" and event == "map_key" and value in (name, "businessId"):
                    return bool(value == "businessId")
        except (ijson.JSONError, UnicodeDecodeError):
            pass  # said where the companies are read
    return False


def json_companies(
    path: Path, name: str = "companies", place: Place | None = None
) -> Iterator[Row]:
    """Company records of the register's JSON, or of a zip with it: ``{"companies": [...]}`` (or
    another ``name``), a list of companies, or one company. ``place`` moves along."""
    if path.stat().st_size == 0:
        raise FileRefused("empty")
    number = 0
    one = _is_one(path, name)
    place = place or Place()
    with _opened(path) as (file, place.of):
        stream = _Metered(file)
        prefix = "item" if stream.is_list else "" if one else f"{name}.item"
        companies = ijson.items(stream, prefix, use_float=True)
        while True:
            # Only the parser's own trouble is caught here, not that of the one who takes the rows.
            try:
                company = next(companies)
            except StopIteration:
                break
            except (ijson.JSONError, UnicodeDecodeError):
                raise FileRefused("not_json", record=number + 1) from None
            number += 1
            place.done = stream.read_so_far
            stream.next_record()
            yield number, company
    if number == 0:
        raise FileRefused("no_companies")
