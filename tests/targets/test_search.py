"""The search: what is typed in any way finds what is meant, and nothing behind a wall."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting_as
from targets import search
from targets.models import Company, CompanyName, SearchEntry, SearchWord, Site
from targets.search import Typed, find, normal
from targets.services.recusals import end_recusal, recuse
from targets.services.search import refresh, sites_of
from tests.factories import (
    make_actor,
    make_company,
    make_municipality,
    make_region,
    make_signal,
    make_site,
)

pytestmark = pytest.mark.django_db


def found(actor, side: str, text: str, limit: int = 10) -> list[str]:
    model = Site if side == "s" else Company
    with acting_as(actor), transaction.atomic():
        ids = [hit.pk for hit in find(actor, side, text, limit)]
        names = dict(model.objects.values_list("pk", "name"))
    return [names[pk] for pk in ids]


@pytest.fixture
def register():
    tampere = make_municipality("837", "Tampere")
    firm = make_company(name="Hämeen Herkut Oy", business_id="0112038-9")
    CompanyName.objects.create(
        company=firm, name="Ruokatalo Öhman", kind="trade", valid_from="2001-01-01",
        valid_to="2012-01-01",
    )  # fmt: skip
    CompanyName.objects.create(company=firm, name="Kuppila Kulma", kind="auxiliary")
    firm.identifiers.create(scheme="euid", country="FI", value="FIFPRO.0112038-9")
    firm.identifiers.create(scheme="register", country="EE", value="12345678")
    make_site(
        name="Ravintola Järvenranta", name_sv="Restaurang Sjöstrand", company=firm,
        municipality=tampere, address="Hämeenkatu 12",
    )  # fmt: skip
    make_site(name="Kebabravintola Bosporus", municipality=tampere)
    make_site(name="Autopesu Ässä")
    refresh(companies=[firm.pk], sites=sites_of([firm.pk]))
    return firm


@pytest.mark.parametrize(
    "text",
    [
        "ravintola järvenranta", "RAVINTOLA JARVENRANTA", "järvenranta ravintola", "järvenr",
        "ravintola jarvenrnata", "ravintloa järvenranta", "restaurang sjöstrand", "sjostrand",
        "hämeenkatu 12", "hameenkatu tampere", "ravintola tampere-sv", "hämeen herkut",
        "0112038-9", "FI01120389", "112038-9", "fi 0112038 9",
    ],
)  # fmt: skip
def test_a_site_is_found_however_it_is_written(register, text):
    assert "Ravintola Järvenranta" in found(make_actor("OSH", "inspector"), "s", text), text


@pytest.mark.parametrize(
    "text",
    [
        "Hämeen Herkut", "hameen herkut oy", "herkut hämeen", "hämeen herkkut", "hämene herkut",
        "öhman", "ruokatalo ohman", "kuppila", "0112038-9", "01120389", "FI01120389",
        "FIFPRO.0112038-9", "12345678", "1234",
    ],
)  # fmt: skip
def test_a_company_is_found_by_any_name_and_identifier(register, text):
    assert found(make_actor("OSH", "inspector"), "c", text) == ["Hämeen Herkut Oy"], text


def test_what_was_typed_right_stands_before_what_is_like_it(register):
    make_site(name="Kebab")
    assert found(make_actor("OSH", "inspector"), "s", "kebab")[0] == "Kebab"
    assert "Kebabravintola Bosporus" in found(make_actor("OSH", "inspector"), "s", "kebab")


@pytest.mark.parametrize(
    "text", ["", " ", "--", "%", "_", "'", "\\", "a'b & | !", "x:*", "(", "\0"]
)
def test_signs_are_no_commands(register, as_user, text):
    actor = make_actor("OSH", "inspector")
    found(actor, "s", text)
    client = as_user(actor)
    for address in (reverse("ui:search"), reverse("targets:site_list")):
        assert client.get(address, {"q": f"a{text}"}).status_code in (200, 422)


@pytest.mark.parametrize(
    "text",
    ["Åbo Äkta Öl", "Café Straße", "Đorđe Łódź", "A&B  Oy.", "İstanbul", "Кафе Ё", "ﬁn ½", "o’Hara", "x_y"],
)  # fmt: skip
def test_both_spellings_of_normal_agree(text):
    with connection.cursor() as cursor:
        cursor.execute("SELECT targets_normal(%s)", [text])
        assert cursor.fetchone()[0] == normal(text)


def test_a_business_id_is_one_word_however_it_is_written():
    for raw in ("0112038-9", "01120389", "FI01120389", "112038-9", "fi 0112038 9"):
        assert Typed.of(raw).words == ("01120389",), raw


# ---------------------------------------------------------------------- walls
def test_a_recused_person_finds_the_same_as_if_it_were_not_there(register, as_user):
    person = make_actor("OSH", "inspector")
    manager = make_actor("OSH", "manager")
    words = ("hämeen", "ravintola", "järvenrnata", "0112038-9", "öhman", "sjöstrand", "hämeenkatu")
    before = {(side, w): found(manager, side, w) for side in "sc" for w in words}
    recusal = recuse(actor=manager, person=person.user, target=register, reason="Kin")
    client = as_user(person)
    for (side, word), names in before.items():
        hidden = {"Hämeen Herkut Oy", "Ravintola Järvenranta"}
        assert found(person, side, word) == [n for n in names if n not in hidden], (side, word)
    pages = {w: client.get(reverse("ui:search"), {"q": w}).context["groups"] for w in words}
    lists = {w: client.get(reverse("targets:site_list"), {"q": w}).context["count"] for w in words}
    # The same without the rows at all.
    Site.objects.filter(company=register).delete()
    end_recusal(actor=manager, recusal=recusal)
    Company.objects.filter(pk=register.pk).update(merged_into=make_company(name="Zzz"))
    for word in words:
        again = client.get(reverse("ui:search"), {"q": word}).context["groups"]
        assert [g["rows"] for g in pages[word]] == [g["rows"] for g in again], word
        count = client.get(reverse("targets:site_list"), {"q": word}).context["count"]
        assert count == lists[word], word


def test_hidden_rows_take_no_place_from_others(register):
    lapland = make_region("19", "Lappi")
    seen = make_site(
        name="Ravintola Ö", municipality=make_municipality("698", "Rovaniemi", lapland)
    )
    for number in range(80):
        make_site(name=f"Ravintola {number:02d}")
    narrow = make_actor("OSH", "analyst", regions=(lapland,))
    for text in ("ravintola", "ravintloa", "ravintola rovaniemi"):
        assert found(narrow, "s", text, 5) == [seen.name], text


def test_merged_rows_are_not_found(register):
    Company.objects.filter(pk=register.pk).update(merged_into=make_company(name="Kept Oy"))
    assert found(make_actor("OSH", "inspector"), "c", "herkut") == []


def test_signals_are_found_by_their_target_within_the_walls(register, as_user):
    site = Site.objects.get(name="Autopesu Ässä")
    make_signal(make_actor("OSH", "inspector"), site=site)
    make_signal(make_actor("OSH", "inspector"), topic="Autopesujen aukiolot")
    page = as_user(make_actor("OSH", "inspector")).get(reverse("ui:search"), {"q": "autopesu"})
    signals = next(g for g in page.context["groups"] if g["label"] == "Signals")
    assert len(signals["rows"]) == 2
    page = as_user(make_actor("TAX", "inspector")).get(reverse("ui:search"), {"q": "autopesu"})
    assert "Signals" not in [g["label"] for g in page.context["groups"]]


# ---------------------------------------------------------------------- upkeep and cost
def test_entries_follow_the_register_and_nothing_is_written_twice(register):
    actor = make_actor("OSH", "inspector")
    site = Site.objects.get(name="Autopesu Ässä")
    before = list(SearchEntry.objects.values_list("pk", "text", "words"))
    refresh()
    assert list(SearchEntry.objects.values_list("pk", "text", "words")) == before
    Site.objects.filter(pk=site.pk).update(name="Pesula Kirkas", address="Uusikatu 1")
    refresh(sites=[site.pk])
    assert found(actor, "s", "ässä") == []
    assert found(actor, "s", "kirkas uusikatu") == ["Pesula Kirkas"]
    refresh()
    assert not SearchWord.objects.filter(word="assa").exists()  # no entry holds it any more
    site.delete()
    assert not SearchEntry.objects.filter(text="pesula kirkas").exists()


def test_a_search_costs_the_same_whatever_it_finds(register, as_user):
    client = as_user(make_actor("OSH", "inspector"))

    def cost(text: str) -> int:
        client.get(reverse("ui:search"), {"q": text})
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse("ui:search"), {"q": text}, headers={"HX-Request": "true"})
        return len(captured)

    few = cost("kebab")
    for number in range(30):
        make_site(name=f"Hotelli {number}")
    assert cost("kebab") == few
    assert cost("zzzzqqq") <= few
    assert few <= 40


def test_suggestions_are_a_listbox_and_ask_for_a_session(register, as_user, client):
    url = reverse("ui:search")
    assert client.get(url, {"q": "kebab"}, headers={"HX-Request": "true"}).status_code == 401
    page = as_user(make_actor("OSH", "inspector")).get(
        url, {"q": "kebab"}, headers={"HX-Request": "true"}
    )
    text = page.content.decode()
    assert "<html" not in text
    assert text.count('role="option"') == 1


def test_words_that_are_begun_find_the_same_one_by_one_and_by_their_beginning(
    register, monkeypatch
):
    """Two words are asked for as the known words that begin so, or as beginnings where many do."""
    tampere = make_municipality("837", "Tampere")
    names = ["Kebab", "Kebabi", "Kebab2go", "Keb", "Kebab-Kulma", "Kebabœuf"]
    for name in names:
        make_site(name=f"{name} Pirkka", municipality=tampere)
    actor = make_actor("OSH", "inspector")
    words = ("kebab pirkka", "keb tampere", "kebab tamp", "pirkka kebabi", "kebabœuf tampere",
             "kebab2go pirkka", "kebab 2go pirkka", "ravintola tampere", "pirkka zzzz")  # fmt: skip
    whole = {text: found(actor, "s", text, 20) for text in words}
    assert set(whole["kebab pirkka"]) == {f"{n} Pirkka" for n in names if n != "Keb"}
    assert len(whole["keb tampere"]) == 7  # and Kebabravintola Bosporus
    monkeypatch.setattr(search, "BEGUN", -1)
    actor = make_actor("OSH", "inspector")
    assert {text: found(actor, "s", text, 20) for text in words} == whole


def test_of_two_words_whole_ones_are_asked_for(register):
    make_site(name="Kebab Pirkka")
    assert search.begun(["kebab"]) == {"kebab": ["kebab", "kebabravintola"]}
    query = search.words_query(Typed.of("kebab pirkka"), ["'#s'"])
    assert query == "('kebab' | 'kebabravintola') & ('pirkka') & '#s'"
    assert search.words_query(Typed.of("kebab"), []) == "('kebab':*)"
    for number in range(search.BEGUN):
        make_site(name=f"Kebab{number:02d}x Pirkka")
    assert "'kebab':*" in search.words_query(Typed.of("kebab pirkka"), [])
