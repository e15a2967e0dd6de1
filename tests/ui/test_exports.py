"""Exports are safe to open and hold what the page shows."""

import io

import openpyxl
import pytest
from django.urls import reverse

from audit.models import Event
from tests.factories import make_actor, make_site
from ui.exports import safe_text, write_csv, write_xlsx
from ui.jobs import sweep_exports
from ui.models import ExportJob
from ui.services import make_export

NASTY = (
    "=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1+1", "\0=1",
    '=HYPERLINK("http://x")', "=cmd|' /C calc'!A0",
)  # fmt: skip


@pytest.mark.parametrize("value", NASTY)
def test_nothing_is_left_that_runs_as_a_formula(value):
    assert safe_text(value).startswith("'")


@pytest.mark.parametrize("value", ["Ravintola", "5-tie", "a=b", "äö"])
def test_ordinary_text_is_left_alone(value):
    assert safe_text(value) == value


def test_workbook_holds_no_formula_and_numbers_stay_numbers():
    out = io.BytesIO()
    write_xlsx(out, ["head"], ["a", "b"], [[value, 5] for value in NASTY])
    sheet = openpyxl.load_workbook(io.BytesIO(out.getvalue())).active
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert not [c for c in cells if c.data_type == "f"]
    assert sum(c.value == 5 for c in cells) == len(NASTY)


def test_csv_has_bom_semicolons_and_head_lines():
    out = io.BytesIO()
    write_csv(out, ["Sites", "Exported by X"], ["Name", "Points"], [["Ä;x", 1.5]])
    text = out.getvalue()
    assert text.startswith(b"\xef\xbb\xbf")
    lines = text.decode("utf-8-sig").splitlines()
    assert lines[0] == "Sites"
    assert lines[3:] == ["Name;Points", '"Ä;x";1.5']


@pytest.mark.django_db
def test_export_has_the_pages_rows_and_columns_and_leaves_an_event(as_user):
    make_site(name="=2+2")
    make_site(name="Other")
    actor = make_actor("OSH", "analyst")
    answer = as_user(actor).get(
        reverse("targets:site_list"),
        {"q": "=2", "column": ["municipality"], "export": "csv"},
    )
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert actor.user.full_name in lines[1]
    assert "Name, address or business ID: =2" in lines[2]
    assert lines[-2:] == ["Site;Municipality", "'=2+2;Helsinki"]
    event = Event.objects.get(verb="list.exported")
    assert event.data["rows"] == 1


@pytest.mark.django_db(transaction=True)
def test_long_list_becomes_a_job_that_may_be_swept_twice(as_user, monkeypatch):
    monkeypatch.setattr("ui.list_exports.NOW_LIMIT", 3)
    sent = []
    monkeypatch.setattr("ui.jobs.run_export.delay", sent.append)
    for _ in range(6):
        make_site()
    actor = make_actor("OSH", "analyst")
    client = as_user(actor)
    answer = client.get(reverse("targets:site_list"), {"export": "xlsx"})
    job = ExportJob.objects.get()
    assert answer["Location"] == reverse("ui:export_job", args=[job.public_id])
    assert make_export(sent[0]) is True
    assert make_export(sent[0]) is False
    sweep_exports()
    page = client.get(answer["Location"]).content.decode()
    assert "6 rows" in page
    file = client.get(reverse("ui:export_file", args=[job.public_id]))
    book = openpyxl.load_workbook(io.BytesIO(b"".join(file.streaming_content)))
    assert book.active.max_row == 5 + 1 + 6


@pytest.mark.django_db
def test_saved_view_is_kept_shared_and_deleted_by_its_maker(as_user):
    owner, colleague = make_actor("OSH", "analyst"), make_actor("OSH", "manager")
    stranger = make_actor("TAX", "analyst")
    client = as_user(owner)
    page = reverse("targets:site_list")
    client.post(
        reverse("ui:saved_view_create"),
        {"list_key": "sites", "path": page, "query": "q=grilli&page=3", "name": "Grills",
         "scope": "authority"},
    )  # fmt: skip
    view = owner.user.saved_views.get()
    for elsewhere in ("//evil.example", "/\\evil.example", "https://evil.example"):
        answer = client.post(
            reverse("ui:saved_view_create"),
            {"list_key": "sites", "path": elsewhere, "name": "x", "scope": "mine"},
        )
        assert answer["Location"].startswith("/?")
    assert view.query == "q=grilli"
    assert "Grills" in as_user(colleague).get(page).content.decode()
    assert "Grills" not in as_user(stranger).get(page).content.decode()
    delete = reverse("ui:saved_view_delete", args=[view.public_id])
    assert as_user(colleague).post(delete).status_code == 404
    assert as_user(owner).post(delete).status_code == 302
    assert not owner.user.saved_views.filter(pk=view.pk).exists()
