"""Opening files as streams of rows: CSV, Parquet, JSON. Nothing is read whole into memory."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import ijson
import pyarrow as pa
import pyarrow.parquet as pq

from targets.services.imports.records import FileRefused

MAX_LINE = 1_000_000
MAX_UNPACKED = 8 * 1024**3
MAX_RATIO = 300

Row = tuple[int, dict[str, Any]]


def encoding_of(path: Path) -> str:
    """BOM first, then UTF-8 if the beginning (and end of the block) decodes, else Windows-1252."""
    with path.open("rb") as file:
        head = file.read(1_000_000)
    if not head:
        raise FileRefused("empty")
    if b"\0" in head[:4096]:
        raise FileRefused("binary")
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut at the end of the block is no sign of another encoding.
        if error.start < len(head) - 4:
            return "cp1252"
    return "utf-8"


def _lines(file: IO[str]) -> Iterator[str]:
    """Lines of a text file, refusing endless ones."""
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) >= MAX_LINE:
            raise FileRefused("long_line", line=number)
        yield line


def csv_rows(path: Path, options: dict[str, Any]) -> Iterator[Row]:
    """Rows of a delimited file with the line they begin on; the header line decides the delimiter."""
    encoding = options.get("encoding") or encoding_of(path)
    with path.open(encoding=encoding, newline="", errors="replace") as file:
        lines = _lines(file)
        header_line = next(lines, "")
        if not header_line.strip():
            raise FileRefused("empty")
        delimiter = options.get("delimiter") or max(";,\t|", key=header_line.count)
        header = next(csv.reader([header_line], delimiter=delimiter))
        names = [name.split(" | ")[0].strip() for name in header]
        reader = csv.reader(lines, delimiter=delimiter)
        last = 1
        for values in reader:
            line, last = last + 1, reader.line_num + 1
            if not any(value.strip() for value in values):
                continue
            row: dict[str, Any] = dict(zip(names, values, strict=False))
            if len(values) > len(names) and any(v.strip() for v in values[len(names) :]):
                row["__shape__"] = True
            yield line, row


def csv_columns(path: Path, options: dict[str, Any]) -> list[str]:
    with path.open(
        encoding=options.get("encoding") or encoding_of(path), newline="", errors="replace"
    ) as file:
        line = next(_lines(file), "")
    delimiter = options.get("delimiter") or max(";,\t|", key=line.count)
    return [n.split(" | ")[0].strip() for n in next(csv.reader([line], delimiter=delimiter), [])]


def _parquet(path: Path) -> pq.ParquetFile:
    if path.stat().st_size == 0:
        raise FileRefused("empty")
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError):
        raise FileRefused("not_parquet") from None


def parquet_rows(path: Path) -> Iterator[Row]:
    """Rows of a Parquet file, numbered from 1, read in batches."""
    number = 0
    with _parquet(path) as file:
        for batch in file.iter_batches(batch_size=2_000):
            for row in batch.to_pylist():
                number += 1
                yield number, row


def parquet_columns(path: Path) -> list[str]:
    with _parquet(path) as file:
        return list(file.schema_arrow.names)


def parquet_count(path: Path) -> int:
    with _parquet(path) as file:
        return int(file.metadata.num_rows)


def is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def json_companies(path: Path) -> Iterator[Row]:
    """Company records of the register's JSON: ``{"companies": [...]}``, a list, or a zip of it."""
    if path.stat().st_size == 0:
        raise FileRefused("empty")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if len(members) != 1 or not members[0].filename.endswith(".json"):
                raise FileRefused("zip_content")
            member = members[0]
            ratio = member.file_size / max(1, member.compress_size)
            if member.file_size > MAX_UNPACKED or ratio > MAX_RATIO:
                raise FileRefused("zip_size", limit="8 GiB")
            with archive.open(member) as stream:
                yield from _companies(io.BufferedReader(stream))  # type: ignore[arg-type]
        return
    with path.open("rb") as file:
        yield from _companies(file)


def _companies(file: IO[bytes]) -> Iterator[Row]:
    peeked = file.peek(256)[:256] if hasattr(file, "peek") else b""
    prefix = "item" if peeked.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") else "companies.item"
    number = 0
    try:
        for company in ijson.items(file, prefix, use_float=True):
            number += 1
            yield number, company
    except (ijson.JSONError, UnicodeDecodeError):
        raise FileRefused("not_json", record=number + 1) from None
    if number == 0:
        raise FileRefused("empty")
