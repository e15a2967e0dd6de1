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
import pyarrow.parquet as pq

from targets.services.imports.records import SHAPE, FileRefused

MAX_LINE = 1_000_000
MAX_RECORD = 64 * 1024**2
MAX_UNPACKED = 8 * 1024**3
MAX_RATIO = 300
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
    return unicodedata.normalize("NFC", text.split(" | ")[0].strip())


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
        reader = csv.reader(lines, delimiter=survey.delimiter)
        before = 0
        while True:
            line = survey.header_line + before + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error:  # a quote that never ends; reading goes on behind it
                before = reader.line_num
                yield line, {SHAPE: True}
                continue
            before = reader.line_num
            whole = "".join(values)
            if not whole.strip():
                continue
            if "'" in whole:
                values = [v[1:] if MARKED.match(v) else v for v in values]
            row: dict[str, Any] = dict(zip(names, values, strict=False))
            if len(values) > len(names) and any(v.strip() for v in values[len(names) :]):
                row[SHAPE] = True
            yield line, row


def marked(value: str) -> str:
    """``value`` so that it is read back as it is: of what looks marked reading takes one mark."""
    return f"'{value}" if MARKED.match(value) else value


# -------------------------------------------------------------------- Parquet
@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowInvalid, OSError):
        raise FileRefused("not_parquet") from None


def is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _survey_parquet(path: Path, tick: Tick) -> Survey:
    with _parquet(path) as file:
        for _batch in file.iter_batches(batch_size=50_000):
            tick()
        return Survey(list(file.schema_arrow.names), int(file.metadata.num_rows))


def _parquet_rows(path: Path) -> Iterator[Row]:
    number = 0
    with _parquet(path) as file:
        for batch in file.iter_batches(batch_size=2_000):
            for row in batch.to_pylist():
                number += 1
                yield number, row


# -------------------------------------------------------------------- the register's JSON
class _Metered:
    """A byte stream without its BOM that refuses to feed one endless record to the parser."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.since_record = 0
        self.record = 1
        self._head = file.read(256).removeprefix(codecs.BOM_UTF8)
        self.is_list = self._head.lstrip().startswith(b"[")

    def read(self, size: int = -1) -> bytes:
        if size == 0:  # how the parser asks whether it gets bytes
            return b""
        block, self._head = (self._head or self.file.read(size)), b""
        self.since_record += len(block)
        if self.since_record > MAX_RECORD:
            raise FileRefused("long_record", record=self.record)
        return block

    def next_record(self) -> None:
        self.since_record = 0
        self.record += 1


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The JSON itself, taken out of its zip when it is in one."""
    with path.open("rb") as file:
        packed = file.read(2) == b"PK"
        file.seek(0)
        if not packed:
            yield file
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
                    yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            raise FileRefused("zip_broken") from None


def _is_one(path: Path, name: str) -> bool:
    """Whether the JSON is one company asked for by itself, however written, not a list of them."""
    with _opened(path) as file:
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


def json_companies(path: Path, name: str = "companies") -> Iterator[Row]:
    """Company records of the register's JSON, or of a zip with it: ``{"companies": [...]}`` (or
    another ``name``), a list of companies, or one company."""
    if path.stat().st_size == 0:
        raise FileRefused("empty")
    number = 0
    one = _is_one(path, name)
    with _opened(path) as file:
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
            stream.next_record()
            yield number, company
    if number == 0:
        raise FileRefused("no_companies")
