"""Every bad file of the corpus is answered in words, and nothing of it is half done."""

import os
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from targets.models import Company, Fact, ImportRow, ImportRun, PastVisit, Site
from targets.services.imports import readers
from targets.services.imports.messages import row_message
from targets.services.mappings import load_mappings
from tests.factories import make_authority, make_industry, make_municipality
from tests.targets.bad_files import FILES
from tests.targets.importing import WHY

SNAPSHOT = Path(__file__).with_name("bad_files.txt")
RENEW = "RENEW_SNAPSHOT"  # set to write the snapshot anew; read the difference before committing it


def snapshot() -> dict[str, str]:
    if not SNAPSHOT.exists():
        return {}
    parts = re.split(r"^## ", SNAPSHOT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {name: rest.strip() for name, _line, rest in (p.partition("\n") for p in parts)}


def said(name: str, folder: Path) -> str:
    """What a person is told of the file: of the whole, else row by row."""
    file_name, content, mapping, kind = FILES[name]
    path = folder / file_name
    path.write_bytes(content)
    try:
        call_command(
            f"import_{kind}", str(path), format=mapping, authority="OSH", stdout=StringIO(),
            stderr=StringIO(), **WHY,
        )  # fmt: skip
    except CommandError as error:
        return str(error)
    run = ImportRun.objects.get()
    assert run.state == "done"
    lines = [
        f"line {r.line}, {r.field or '-'}: {row_message(r.code)} [{r.value[:60]}]"
        for r in run.refusals.order_by("line", "id")[:5]
    ]
    return "\n".join([*lines, f"{run.created_count} stored, {run.refused_count} refused"])


def test_the_corpus_is_large_enough():
    assert len(FILES) >= 60


@pytest.mark.parametrize("name", FILES)
def test_what_is_said_of_a_bad_file(db, tmp_path, monkeypatch, name):
    monkeypatch.setattr(readers, "MAX_RECORD", 10 * 1024**2)
    monkeypatch.setattr(readers, "SMALL", 2**14)
    load_mappings()
    make_authority("OSH")
    make_municipality("091", "Helsinki")
    make_industry("56")
    words = said(name, tmp_path)
    assert "error of ours" not in words, "a bad file is no fault of ours"
    if "stored" not in words:
        stored = [m.objects.exists() for m in (Site, Company, PastVisit, Fact, ImportRow)]
        assert not any(stored)
    if os.environ.get(RENEW):
        known = {**snapshot(), name: words}
        text = "".join(f"## {n}\n{known[n]}\n\n" for n in FILES if n in known)
        SNAPSHOT.write_text(text, encoding="utf-8")
    assert words == snapshot().get(name)
