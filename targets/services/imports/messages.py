"""Words for refused rows and files: what, where, and how to mend it."""

from typing import Any

from django.utils.translation import gettext_lazy as _

ROW: dict[str, Any] = {
    "business_id_check": _(
        "The check digit of the business ID does not match. Check the number from the register."
    ),
    "business_id_form": _("This is not a business ID. Write it as 1234567-8."),
    "identifier_check": _(
        "The number is none of this country's: its check digit or form is wrong. Check the number "
        "from the notice, or leave the cell empty; the company is then kept by its name."
    ),
    "country": _("This is not a country. Write its code of two letters, such as EE."),
    "date_form": _("This is not a date. Write it as 2026-05-14 or 14.5.2026."),
    "number_form": _("This is not a number."),
    "personal_code": _(
        "The row holds a personal identity code, which does not belong here. Remove it from the "
        "file."
    ),
    "missing": _("The value is missing. Fill it in, or take the row out."),
    "municipality": _(
        "The municipality is not known. Use its code or its Finnish or Swedish name."
    ),
    "industry": _("The industry class is not in the classification. Check code and edition."),
    "site_type": _(
        "The type of place is not one of: establishment, temporary, vehicle, dwelling, online."
    ),
    "coordinates": _("The coordinates are not on the globe. Check their order and decimals."),
    "dates_order": _("The last day is before the first day."),
    "outcome": _("The result is not one the mapping knows."),
    "site_unknown": _("No site with this key has been imported. Import the sites first."),
    "company_unknown": _(
        "No company with this business ID is known. Import the company first, or map its name. "
        "What only your authority may see adds no company: import the company register first."
    ),
    "place_not_known": _(
        "The place is not in the register, and links that only your authority may see add none: "
        "others would learn that your list names it. Bring the place in by a register that is open "
        "or shared first, or share this list."
    ),
    "company_not_known": _(
        "A company of this row is not in the register, and links that only your authority may see "
        "add none: others would learn that your list names it. Import the company register first, "
        "or share this list."
    ),
    "future": _("The visit lies in the future."),
    "row_shape": _("The row has more values than there are columns. Check quotes and delimiters."),
    "quote_open": _(
        "A quotation mark opens a cell on this line and is not closed, or not where the cell ends. "
        "Close it, or take it out. The lines below were read as rows of their own."
    ),
    "record_shape": _("The record does not have the shape of the company register."),
    "duplicate": _(
        "A row further up has the same key. Give this row a key of its own, or take it out."
    ),
    "too_deep": _("The record is nested deeper than any register's. Fetch it again."),
    "range": _("The number lies outside what is possible here."),
    "formula_value": _(
        "The cell holds a formula that was saved without its value. Open the workbook in a "
        "spreadsheet program, let it calculate and save it, or write the value."
    ),
    "too_long": _("The value is longer than can be stored."),
}

FILE: dict[str, Any] = {
    "empty": _("The file is empty."),
    "not_json": _(
        "The file is not valid JSON (around record %(record)s). Nothing was stored. Fetch or save "
        "the file again."
    ),
    "no_companies": _(
        "The file is JSON but holds no companies. The register's file has a list named “companies”."
    ),
    "long_record": _(
        "Record %(record)s is larger than 64 megabytes. This is not the company register."
    ),
    "zip_broken": _("The zip file is broken or locked with a password. Nothing was stored."),
    "full_list_cut": _(
        "This full list would end %(count)s of the %(known)s facts that hold. It may be cut short. "
        "Nothing was stored. Rehearse it, look at what would end, and store it from there."
    ),
    "full_list_rows": _(
        "Of some rows (%(count)s) it could not even be read what they list. A full list must be "
        "whole: nothing was stored. Mend the file, or read it as a list that is not full."
    ),
    "personal_column": _(
        "The column “%(column)s” is for personal identity codes, which do not belong here. Remove "
        "the column from the file. Nothing was stored."
    ),
    "left": _("Nobody came back to this import for %(days)s days. Start it anew if it is needed."),
    "stopped": _("The command was stopped before the end. Run it again; nothing will double."),
    "not_parquet": _("The file is not a Parquet file."),
    "encoding": _("The file's encoding was not recognised. Save it as UTF-8."),
    "no_columns": _(
        "The column “%(column)s” that the mapping %(mapping)s needs is not in the file. Columns "
        "found: %(found)s."
    ),
    "unknown_format": _("There is no format or mapping named %(name)s. Known: %(known)s."),
    "wrong_kind": _("The mapping %(name)s is for another kind of data."),
    "long_line": _("Line %(line)s is longer than a megabyte. This is not a table."),
    "xlsx_broken": _("The workbook is broken or locked with a password. Nothing was stored."),
    "too_many_rows": _(
        "The file has more than %(limit)s rows. Nothing was stored. Split the file."
    ),
    "zip_content": _("The zip file must hold exactly one JSON file."),
    "zip_size": _(
        "The file unpacks to far more than its own size, or to more than %(limit)s. Nothing was "
        "stored. Pack the file again, or split it."
    ),
    "binary": _("The file is not text. CSV, XLSX, JSON or Parquet is expected."),
    "crash": _("The import was stopped by an error of ours. Number: %(number)s."),
}


def row_message(code: str) -> str:
    return str(ROW.get(code, _("The row could not be taken.")))


def file_message(code: str, params: dict[str, Any]) -> str:
    return str(FILE[code]) % params
