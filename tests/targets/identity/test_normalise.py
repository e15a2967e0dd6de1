"""The same firm, street or number however it is written; different ones stay different."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from targets.services.identity import normalise as n


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kebab Kulma Oy", "Oy Kebab-Kulma Ab"),
        ("Åbo Bageri Ab", "Abo Bageri"),
        ("Ravintola Hämeen Helmi Oy", "Restaurang Hameen Helmi"),
        ("T:mi Virtanen Matti", "Matti Virtanen Tmi"),
        ("Pub O'Brien's", "PUB OBRIENS"),
        ("Sähkö & Putki Oyj", "Sähkö ja Putki O.Y."),
        ("Café Ö", "kahvila o"),
        ("Työväen Teatteri r.y.", "Työväen teatteri ry"),
    ],
)
def test_names_that_are_one(one, other):
    assert n.name(one).key == n.name(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [("Kebab Kulma", "Kebab Kolmio"), ("Putki 1 Oy", "Putki 2 Oy"), ("Oy Ab", "Ky")],
)
def test_names_that_are_not(one, other):
    assert n.name(one).key != n.name(other).key


def test_a_firm_is_called_by_its_longest_own_word():
    assert n.name("Ravintola Aurora Oy").first == "aurora"
    assert n.name("Siivous").first == "siivous"
    assert n.name("").key == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mannerheimintie 12 B 34", "Mannerheimvägen 12"),
        ("Mannerheimint. 12", "MANNERHEIMINTIE 12b"),
        ("Runeberginkatu 5-7", "Runebergsgatan 5 A"),
        ("c/o Tilitoimisto Oy, Hämeenkatu 3", "Hämeenk. 3 as 4"),
        ("Mikonkatu 012", "Mikonkatu 12, 00100 Helsinki"),
        ("1200 Market St", "Market Street 1200"),
        ("Bulevardi 3", "bulevardi 3"),
    ],
)
def test_addresses_that_are_one(one, other):
    assert n.address(one) == n.address(other)
    assert n.address(one).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hämeenkatu 3", "Hämeentie 3"),
        ("Hämeenkatu 3", "Hämeenkatu 13"),
        ("Koulukatu 1", "Koulupolku 1"),
    ],
)
def test_addresses_that_are_not(one, other):
    assert n.address(one) != n.address(other)


@pytest.mark.parametrize("text", ["PL 123", "PB 4", "P.O. Box 7", "", "  ", "c/o Firma"])
def test_what_has_no_street(text):
    assert n.address(text) == n.Address()


def test_postal_codes():
    assert n.postal_code("100") == n.postal_code("FI-00100") == n.postal_code("00100 ") == "00100"
    assert n.postal_code("123 45", "SE") == "12345"
    assert n.postal_code("") == ""


@pytest.mark.parametrize(
    "text", ["9900010-6", "99000106", "FI99000106", "9900010–6", " 9900010 - 6", "FIPRO.9900010-6"]
)
def test_business_ids_however_written(text):
    assert n.business_id(text) == "9900010-6"


@pytest.mark.parametrize("text", ["9900010-5", "9900000-1", "abc", "", "131052-308T"])
def test_what_is_no_business_id(text):
    assert n.business_id(text) == ""


def test_old_business_ids_get_their_zero():
    assert n.business_id("112038-9") == n.business_id("0112038-9") == "0112038-9"


@pytest.mark.parametrize(
    ("scheme", "country", "text", "value", "valid"),
    [
        ("vat", "FI", "FI 2077474 0", "FI20774740", True),
        ("vat", "EE", "100931558", "EE100931558", True),
        ("vat", "EE", "EE100931559", "EE100931559", False),
        ("register", "EE", "12345678", "12345678", True),
        ("register", "EE", "12345679", "12345679", False),
        ("register", "SE", "123456-7897", "1234567897", True),
        ("register", "FI", "9900010-6", "9900010-6", True),
        ("register", "FI", "9900010-7", "9900010-7", False),
        ("euid", "FI", "fipro.9900010-6", "FIPRO.9900010-6", True),
        ("euid", "FI", "FIPRO.9900010-7", "FIPRO.9900010-7", False),
        ("register", "US", " ab 12 ", "AB12", None),
    ],
)
def test_identifiers(scheme, country, text, value, valid):
    assert n.identifier(scheme, country, text) == n.Checked(value, valid)


@given(st.text(max_size=60))
def test_nothing_breaks_and_forms_are_stable(text):
    """What is normal already stays as it is."""
    assert n.fold(n.fold(text)) == n.fold(text)
    key = n.name(text).key
    assert n.name(key).key == key or not key
    n.address(text), n.street(text), n.postal_code(text), n.business_id(text)
    n.identifier("vat", "FI", text)
