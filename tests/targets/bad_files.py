"""A corpus of bad files: (file name, content, mapping, kind). What is said of each stands beside
in ``bad_files.txt``; ``test_bad_corpus`` compares."""

import codecs
import gzip
import io
import json
import tarfile
import zipfile
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

HEAD = "id;name;name_sv;business_id;company;industry;municipality;address;postal_code;longitude;latitude;premises;staff;opened_on\n"
SIMPLE = "id;name\n"
VISITS = "id;site;date;outcome\n"
COMPANY = {"businessId": {"value": "9900010-6"}, "names": [{"name": "A Oy", "type": "1"}]}
REGISTER = json.dumps({"companies": [COMPANY] * 3}).encode()


def row(**values: str) -> str:
    cells = {"id": "1", "name": "N", "municipality": "Helsinki"} | values
    return ";".join(cells.get(name, "") for name in HEAD.strip().split(";")) + "\n"


def packed(*members: tuple[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return memory.getvalue()


def parquet(**columns: Any) -> bytes:
    memory = io.BytesIO()
    pq.write_table(pa.table(columns), memory)
    return memory.getvalue()


def big_texts(rows: int, length: int, *, once: bool) -> bytes:
    """Parquet of ``rows`` equal names: packed one by one, or written once and named in every row."""
    keys = pa.array([str(n) for n in range(rows)])
    name = pa.array([" " * length])
    names = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), name)
    table = pa.table({"id": keys, "name": names if once else names.cast(pa.string())})
    memory = io.BytesIO()
    pq.write_table(table, memory, compression="zstd", use_dictionary=once)
    return memory.getvalue()


def wrong_bytes() -> bytes:
    """Parquet whose texts are no UTF-8, though it says so."""
    text = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    return parquet(id=["1"], name=text)


def workbook(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    for values in rows:
        book.active.append(values)
    memory = io.BytesIO()
    book.save(memory)
    return memory.getvalue()


def zeros_in_workbook() -> bytes:
    """A workbook with the sign for U+0000 in a header, which no program writes."""
    source = zipfile.ZipFile(io.BytesIO(workbook(["id", "naXXme"], [1, None])))
    return packed(*(
        (name, source.read(name).replace(b"XX", b"_x0000_")) for name in source.namelist()
    ))  # fmt: skip


def tarred() -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        member = tarfile.TarInfo("a.csv")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"a;b\n"))
    return memory.getvalue()


def register(**values: object) -> bytes:
    return json.dumps({"companies": [COMPANY | values]}).encode()


def table(text: str, encoding: str = "utf-8") -> bytes:
    return text.encode(encoding)


BOOK = workbook(["id", "name"], [1, "One"])
ZIP = packed(("all.json", REGISTER))
DEEP = b'{"companies": [' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"]}"
FILES: dict[str, tuple[str, bytes, str, str]] = {
    # ------------------------------------------------------------ files that are none
    "empty table": ("a.csv", b"", "csv-sites", "sites"),
    "only line ends": ("a.csv", b"\n\n;;\n", "csv-sites", "sites"),
    "one byte": ("a.csv", b"\xff", "csv-sites", "sites"),
    "picture": ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0", "csv-sites", "sites"),
    "program": ("a.csv", b"MZ\x90\0\x03\0\0\0", "csv-sites", "sites"),
    "PDF": ("a.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\0", "csv-sites", "sites"),
    "gzip": ("a.csv", gzip.compress(b"id;name\n1;a\n", mtime=0), "csv-sites", "sites"),
    "tar": ("a.csv", tarred(), "csv-sites", "sites"),
    "web page": ("a.csv", b"<!doctype html><html><body>Sign in</body></html>", "csv-sites", "sites"),
    "JSON named CSV": ("a.csv", REGISTER, "csv-sites", "sites"),
    "zeros deep in the file": ("a.csv", table(SIMPLE) + b"1;a\n" * 1500 + b"\0" * 9, "csv-sites", "sites"),
    "no known encoding": ("a.csv", table(SIMPLE) + b"1;\x81\x8d\x8f\n", "csv-sites", "sites"),
    "UTF-8 mark before Windows text": ("a.csv", codecs.BOM_UTF8 + table(SIMPLE) + b"1;\xe4\n", "csv-sites", "sites"),
    "UTF-32": ("a.csv", "id;name\n1;a\n".encode("utf-32"), "csv-sites", "sites"),
    "endless first line": ("a.csv", b"x" * 2_500_000, "csv-sites", "sites"),
    "endless later line": ("a.csv", table(SIMPLE) + b"1;a\n" + b"x" * 2_500_000 + b"\n", "csv-sites", "sites"),
    "quote that never ends": ("a.csv", table(SIMPLE) + b'1;"a\n' + b"2;b\n" * 200_000, "csv-sites", "sites"),
    # ------------------------------------------------------------ columns
    "missing column": ("a.csv", b"id;nimi\n1;a\n", "csv-sites", "sites"),
    "no header": ("a.csv", b"1;a\n2;b\n", "csv-sites", "sites"),
    "header too far down": ("a.csv", b"title\n" * 40 + b"id;name\n1;a\n", "csv-sites", "sites"),
    "personal codes": ("a.csv", b"id;name;Hetu\n", "csv-sites", "sites"),
    "personal codes, Swedish": ("a.csv", b"id;name;personbeteckning\n", "csv-sites", "sites"),
    "personal codes, Parquet": ("a.parquet", parquet(id=["1"], name=["a"], ssn=["x"]), "csv-sites", "sites"),
    "personal codes, workbook": ("a.xlsx", workbook(["id", "name", "henkilötunnus"]), "csv-sites", "sites"),
    "unknown mapping": ("a.csv", b"id;name\n", "no-such-mapping", "sites"),
    "mapping of another kind": ("a.csv", table(VISITS), "csv-visits", "sites"),
    "zero in a column's name, CSV": ("a.csv", "id;na\0me;x\0y\n1;a;b\n".encode("utf-16"), "csv-sites", "sites"),
    "zero in a column's name, Parquet": ("a.parquet", parquet(**{"id": ["1"], "na\0me": [""], "x\0y": ["b"]}), "csv-sites", "sites"),
    "zero in a column's name, workbook": ("a.xlsx", zeros_in_workbook(), "csv-sites", "sites"),
    "zero in a missing column, CSV": ("a.csv", "id;ni\0mi\n1;a\n".encode("utf-16"), "csv-sites", "sites"),
    "zero in a missing column, Parquet": ("a.parquet", parquet(**{"id": ["1"], "ni\0mi": ["a"]}), "csv-sites", "sites"),
    "zero in the name of a field, JSON": ("a.json", register(**{"x\0y": "z", "businessId": {"val\0ue": "1"}}), "prh-v3", "sites"),
    # ------------------------------------------------------------ rows
    "no key": ("a.csv", table(HEAD + row(id="")), "sites", "sites"),
    "no name": ("a.csv", table(HEAD + row(name="")), "sites", "sites"),
    "key of 100 letters": ("a.csv", table(HEAD + row(id="k" * 100)), "sites", "sites"),
    "name of 400 letters": ("a.csv", table(HEAD + row(name="n" * 400)), "sites", "sites"),
    "key twice": ("a.csv", table(HEAD + row() + row()), "sites", "sites"),
    "business ID of letters": ("a.csv", table(HEAD + row(business_id="ABC")), "sites", "sites"),
    "business ID too short": ("a.csv", table(HEAD + row(business_id="123")), "sites", "sites"),
    "business ID with wrong check digit": ("a.csv", table(HEAD + row(business_id="9900010-7")), "sites", "sites"),
    "business ID never issued": ("a.csv", table(HEAD + row(business_id="9900000-1")), "sites", "sites"),
    "business ID as scientific number": ("a.csv", table(HEAD + row(business_id="9,90E+07")), "sites", "sites"),
    "unknown municipality": ("a.csv", table(HEAD + row(municipality="Atlantis")), "sites", "sites"),
    "unknown industry": ("a.csv", table(HEAD + row(industry="0000")), "sites", "sites"),
    "industry in words": ("a.csv", table(HEAD + row(industry="ravintola")), "sites", "sites"),
    "coordinates off the globe": ("a.csv", table(HEAD + row(longitude="200", latitude="60")), "sites", "sites"),
    "coordinates in metres": ("a.csv", table(HEAD + row(longitude="385000", latitude="6672000")), "sites", "sites"),
    "coordinates in words": ("a.csv", table(HEAD + row(longitude="east", latitude="60")), "sites", "sites"),
    "number with underscore": ("a.csv", table(HEAD + row(staff="1_000")), "sites", "sites"),
    "not a number": ("a.csv", table(HEAD + row(staff="nan")), "sites", "sites"),
    "infinite number": ("a.csv", table(HEAD + row(staff="inf")), "sites", "sites"),
    "negative staff": ("a.csv", table(HEAD + row(staff="-3")), "sites", "sites"),
    "staff beyond reason": ("a.csv", table(HEAD + row(staff="99999999999")), "sites", "sites"),
    "31st of February": ("a.csv", table(HEAD + row(opened_on="31.2.2020")), "sites", "sites"),
    "American date": ("a.csv", table(HEAD + row(opened_on="12/31/2020")), "sites", "sites"),
    "week for a date": ("a.csv", table(HEAD + row(opened_on="vk 31")), "sites", "sites"),
    "personal code in a name": ("a.csv", table(HEAD + row(name="Matti 131052-308T")), "sites", "sites"),
    "more cells than columns": ("a.csv", table(HEAD + row().strip() + ";too;many\n"), "sites", "sites"),
    "comma where semicolon stood": ("a.csv", table(HEAD + "1,N,,,,,Helsinki\n"), "sites", "sites"),
    "closed before opened": (
        "a.csv",
        table(
            "lupanumero;lupatyyppi;luvanhaltija;ytunnus;anniskelu- tai myyntipaikka;osoite;postinumero;kunta;"
            "lupa_alkaa;lupa_päättyy;anniskeluaika_päättyy;asiakaspaikat_sisä;asiakaspaikat_ulko;tila\n"
            "A-1;anniskelu;Oy;9900010-6;Baari;Katu 1;00100;Helsinki;2024-05-01;2023-05-01;;;;\n"
        ),
        "alcohol-licences", "sites",
    ),
    # ------------------------------------------------------------ visits and facts
    "visit of an unknown site": ("a.csv", table(VISITS + "1;999;2026-01-02;MINOR\n"), "csv-visits", "visits"),
    "visit in the future": ("a.csv", table(VISITS + "1;999;2199-01-02;MINOR\n"), "csv-visits", "visits"),
    "visit without a day": ("a.csv", table(VISITS + "1;999;;MINOR\n"), "csv-visits", "visits"),
    "unknown outcome": ("a.csv", table(VISITS + "1;999;2026-01-02;FINE\n"), "csv-visits", "visits"),
    "fact without a company": ("a.csv", table("y-tunnus;nimi;päivä;verovelka_eur\n;;1.2.2026;5\n"), "tax-debts", "facts"),
    "fact of an unknown company": ("a.csv", table("y-tunnus;nimi;päivä;verovelka_eur\n9900010-6;;1.2.2026;5\n"), "tax-debts", "facts"),
    "tax year in words": (
        "a.csv",
        table(
            "Verovuosi;Y-tunnus;Verovelvollisen nimi;Verotuskunta;Verotettava tulo;Maksuunpannut verot yhteensä;"
            "Ennakot yhteensä;Veronpalautus;Jäännösvero\nviime;9900010-6;Oy;;1;1;1;1;1\n"
        ),
        "corporate-tax", "facts",
    ),
    # ------------------------------------------------------------ Parquet and workbooks
    "text named Parquet": ("a.parquet", b"id;name\n1;a\n", "csv-sites", "sites"),
    "cut Parquet": ("a.parquet", parquet(id=["1"], name=["a"])[:-30], "csv-sites", "sites"),
    "Parquet that is a bomb": ("a.parquet", big_texts(200, 100_000, once=False), "csv-sites", "sites"),
    "Parquet that says one text everywhere": ("a.parquet", big_texts(300, 100_000, once=True), "csv-sites", "sites"),
    "Parquet of rows that say nothing": ("a.parquet", parquet(id=pa.nulls(6_000_000, pa.string()), name=pa.nulls(6_000_000, pa.string())), "csv-sites", "sites"),
    "Parquet with an endless text": ("a.parquet", big_texts(1, 2_500_000, once=True), "csv-sites", "sites"),
    "Parquet with wrong bytes": ("a.parquet", wrong_bytes(), "csv-sites", "sites"),
    "Parquet with a list for a column": ("a.parquet", parquet(id=["1"], name=[["a", "b"]]), "csv-sites", "sites"),
    "text named workbook": ("a.xlsx", b"id;name\n1;a\n", "csv-sites", "sites"),
    "cut workbook": ("a.xlsx", BOOK[:-200], "csv-sites", "sites"),
    "empty workbook": ("a.xlsx", workbook(), "csv-sites", "sites"),
    "workbook without the column": ("a.xlsx", workbook(["id", "nimi"], [1, "One"]), "csv-sites", "sites"),
    "workbook whose sheet is no XML": ("a.xlsx", packed(("xl/workbook.xml", b"<a"), ("[Content_Types].xml", b"")), "csv-sites", "sites"),
    "workbook that is a bomb": ("a.xlsx", packed(("xl/worksheets/sheet1.xml", b" " * 40_000_000), ("xl/workbook.xml", b"<a/>")), "csv-sites", "sites"),
    "workbook with an error in a cell": ("a.xlsx", workbook(["id", "name"], ["#N/A", None]), "csv-sites", "sites"),
    "zip of a table for a table": ("a.zip", packed(("a.csv", b"id;name\n1;a\n")), "csv-sites", "sites"),
    # ------------------------------------------------------------ the company register
    "empty register": ("a.json", b"", "prh-v3", "sites"),
    "no list of companies": ("a.json", b'{"results": []}', "prh-v3", "sites"),
    "empty list": ("a.json", b'{"companies": []}', "prh-v3", "sites"),
    "text for JSON": ("a.json", b"id;name\n", "prh-v3", "sites"),
    "cut JSON": ("a.json", REGISTER[:-20], "prh-v3", "sites"),
    "wrong bytes in JSON": ("a.json", b'{"companies": [{"a": "\xff\xfe"}]}', "prh-v3", "sites"),
    "JSON nested without end": ("a.json", DEEP, "prh-v3", "sites"),
    "numbers for companies": ("a.json", b'{"companies": [1, 2]}', "prh-v3", "sites"),
    "company without a number": ("a.json", register(businessId=None), "prh-v3", "sites"),
    "company with a wrong number": ("a.json", register(businessId={"value": "9900010-7"}), "prh-v3", "sites"),
    "company of another century": ("a.json", register(registrationDate="soon"), "prh-v3", "sites"),
    "identifier without end": ("a.json", register(euId={"value": "F" * 200}), "prh-v3", "sites"),
    "older format named the new": ("a.json", b'{"results": [{"businessId": "9900010-6", "name": "A"}]}', "prh-v3", "sites"),
    "new format named the older": ("a.json", REGISTER, "prh-v1", "sites"),
    "zip of two files": ("a.zip", packed(("a.json", REGISTER), ("b.json", REGISTER)), "prh-v3", "sites"),
    "zip of a table": ("a.zip", packed(("a.csv", b"id;name\n")), "prh-v3", "sites"),
    "empty zip": ("a.zip", packed(), "prh-v3", "sites"),
    "cut zip": ("a.zip", ZIP[:-30], "prh-v3", "sites"),
    "zip bomb": ("a.zip", packed(("a.json", b" " * 30_000_000)), "prh-v3", "sites"),
    "zip in a zip": ("a.zip", packed(("a.zip", ZIP)), "prh-v3", "sites"),
    "path that climbs": ("a.zip", packed(("../../a.json", b'{"companies": []}')), "prh-v3", "sites"),
}  # fmt: skip
