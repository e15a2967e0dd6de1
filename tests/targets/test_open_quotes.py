"""Quotation marks that are never closed: one broken row, and every other row as what it is."""

import pytest

from targets.models import ImportRun, Site
from targets.services.imports import quoted, readers
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.importing import upload
from tests.targets.test_full_lists import DAY, DEBTS, IDS, debts, holding, page
from tests.targets.test_full_lists import firms as firms  # a fixture

pytestmark = pytest.mark.django_db
HEAD = "id;name\n"


def sites(actor, text: str) -> ImportRun:
    run = upload(actor, HEAD + text, "csv-sites")
    assert run.state == "done", run.message
    assert run.rows_total == run.rows_read
    return run


def refused(run: ImportRun) -> list[tuple[int, str]]:
    return list(run.refusals.order_by("line").values_list("line", "code"))


def named() -> dict[str, str]:
    return dict(Site.objects.values_list("source_key", "name"))


@pytest.mark.parametrize(
    ("text", "bad", "stored"),
    [
        # Near the end of the file, where it ran to the end.
        ('1;One\n2;"Two\n3;Three\n4;Four\n', [3], {"1", "3", "4"}),
        # The last line itself, with and without an end of line.
        ('1;One\n2;"Two\n', [3], {"1"}),
        ('1;One\n2;"Two', [3], {"1"}),
        # A second quote would close the first, in the middle of a later row.
        ('1;"One\n2;Two\n3;"Three\n4;Four\n', [2, 4], {"2", "4"}),
        ('1;"One\n2;Two\n3;"Three"\n4;Four\n', [2], {"2", "3", "4"}),
        ('"1";"One\n"2";"Two"\n"3";"Three"\n', [2], {"2", "3"}),
        # One that stands for inches closes it at the end of a row: whole rows lie between.
        ('1;"One\n' + "".join(f"{n};N\n" for n in range(2, 9)) + '9;Pipe 5"\n', [2], set("23456789")),
        # More lines than a cell has.
        ('1;"One\n' + "".join(f"{n};N\n" for n in range(2, 1500)), [2], {str(n) for n in range(2, 1500)}),
    ],
)  # fmt: skip
def test_no_row_is_lost_behind_an_open_quote(analyst, text, bad, stored):
    run = sites(analyst, text)
    assert [line for line, code in refused(run) if code == "quote_open"] == bad
    assert set(named()) == stored
    assert run.rows_read == run.created_count + run.refused_count


def test_far_more_rows_than_a_cell_could_hold(analyst, monkeypatch):
    rows = "".join(f"{n};{'N' * 60}\n" for n in range(2, 4_000))  # 250 KB
    run = sites(analyst, '1;"One\n' + rows)
    assert (run.created_count, refused(run)) == (3_998, [(2, "quote_open")])
    monkeypatch.setattr(quoted, "MAX_LINES", 10**9)  # by the size of the cell alone
    again = sites(analyst, '1;"One\n' + rows)
    assert (again.unchanged_count, refused(again)) == (3_998, [(2, "quote_open")])


@pytest.mark.parametrize(
    "cell",
    [
        "two\nlines",
        "a list:\n- one; two\n- three; four\n- five; six\n",
        "\n" * 300 + "end",
        "quotes, as \"they\" are\nwritten",
        "Anna; see below\nBo; see above",
    ],
)  # fmt: skip
def test_cells_of_several_lines_stay_one_cell(analyst, cell):
    written = cell.replace('"', '""')
    run = sites(analyst, f'1;"{written}"\n2;Two\n')
    assert (run.created_count, run.refused_count) == (2, 0)
    assert named() == {"1": cell.strip(), "2": "Two"}


def test_a_refused_line_can_be_mended_and_loaded_again(analyst, as_user):
    run = sites(analyst, '1;One\n2;"Two; too\n3;Three\n')
    refusal = run.refusals.get()
    assert refusal.row == {"id": "2", "name": '"Two; too'}
    shown = page(as_user(analyst), run)
    assert "A quotation mark opens a cell on this line and is not closed" in shown


def test_a_person_named_by_a_code_is_not_kept_with_a_broken_row(analyst):
    run = sites(analyst, '1;"Matti 131052-308T\n2;Two\n')
    assert refused(run) == [(2, "personal_code")]
    assert run.refusals.get().row is None


def test_one_line_longer_than_a_cell_may_be(analyst):
    run = sites(analyst, f"1;{'x' * 200_000}\n2;Two\n")
    assert refused(run) == [(2, "too_long")]
    assert set(named()) == {"2"}


def test_a_full_list_ends_nothing_that_stood_behind_an_open_quote(analyst):
    debts(analyst, IDS[:4])
    rows = [f"{code};Firma;1.2.2026;100\n" for code in IDS[:3]]
    text = DEBTS + f'"{rows[0]}' + rows[1] + rows[2]
    run = upload(analyst, text, "tax-debts", "facts", full_list=True, received_on=DAY)
    # Whose debt the first row tells of cannot be read from it.
    assert run.state == "failed"
    assert "A full list must be whole" in run.message
    assert holding() == dict.fromkeys(IDS[:4])


def test_a_full_list_knows_a_broken_row_by_its_key(analyst):
    debts(analyst, IDS[:4])
    rows = [f"{code};Firma;1.2.2026;100\n" for code in IDS[:3]]
    text = DEBTS + rows[0].replace(";100", ';"100') + rows[1] + rows[2]
    run = upload(analyst, text, "tax-debts", "facts", full_list=True, received_on=DAY)
    assert (run.state, run.ended_count, refused(run)) == ("done", 1, [(2, "quote_open")])
    assert holding() == dict.fromkeys(IDS[:3]) | {IDS[3]: DAY}


def test_rows_behind_many_open_quotes_are_read_once_each(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEAD + '1;"a\n2;b\n' * 20_000)
    found = readers.survey_table(path, ["id"], {}, lambda: None)
    rows = list(readers.table_rows(path, found))
    assert [line for line, _row in rows] == list(range(2, 40_002))
