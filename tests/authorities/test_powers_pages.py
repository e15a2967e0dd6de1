"""Pages of the register of powers as people meet them."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Event
from authorities.models import Authority, Competence, Ground, GroundVersion, Interest
from authorities.services.grounds import draft_version, publish_version, review_version
from authorities.services.powers import publish_interest
from tests.authorities.powers import authority, case, person, submitted
from tests.factories import make_region

URL = {
    name: f"authorities:{name}"
    for name in (
        "gateway", "gateway_matrix", "card", "competence_list", "ground_list", "interests",
    )
}  # fmt: skip


def text(answer) -> str:
    """The page's words without markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.fixture
def inspector(catalogue, as_user):
    return as_user(person("LVV_OSH", "inspector"))


# ------------------------------------------------------------------ asking the gateway
def test_what_may_tax_give_me(inspector):
    page = inspector.get(
        reverse(URL["gateway"]),
        {"giver": "TAX", "receiver": "LVV_OSH", "information": "employment_terms",
         "day": "2026-05-04"},
    )  # fmt: skip
    words = text(page)
    assert page.status_code == 200
    assert "Must give when asked" in words
    assert "44/2006 4b § 1 k (920/2021)" in words
    assert "the information is necessary" in words
    assert "You may ask for the information on your own right" in words
    assert "1346/1999 18 § 4 k" in words  # contractor's liability, instead
    assert "Starter data, not reviewed" in words
    assert "HE 198/2025" not in words  # proposed


def test_one_question_of_all_puts_those_without_ground_into_one_list(inspector):
    page = inspector.get(
        reverse(URL["gateway"]),
        {"giver": "LVV_OSH", "information": "employment_terms", "day": "2026-05-04"},
    )
    answers, refused = page.context["answers"], page.context["refused"]
    assert {a.receiver.code for a in answers} >= {"TAX", "POLICE", "MIGRI"}
    assert "RIKU" in {a.receiver.code for a in refused}
    assert all(a.outcome == "may_not" for a in refused)
    assert len(answers) + len(refused) == Authority.objects.valid_on(
        dt.date(2026, 5, 4)
    ).count() - 1  # fmt: skip
    assert "receiver=RIKU" in page.content.decode()
    # Those that get it on the same ground stand together, each leading to its own answer.
    groups = page.context["groups"]
    assert sum(map(len, groups)) == len(answers) + len(refused)
    assert len(groups) < 6
    assert page.content.decode().count("4d §") == 1


def test_every_kind_between_two_authorities(inspector):
    page = inspector.get(
        reverse(URL["gateway"]), {"giver": "TAX", "receiver": "LVV_OSH", "day": "2026-05-04"}
    )
    outcomes = {a.information: a.outcome for a in page.context["answers"]}
    assert outcomes["contractor_liability"] == "may_give"
    assert outcomes["payroll"] == "on_request"
    assert "victim_information" in {a.information for a in page.context["refused"]}
    html = page.content.decode()
    other_way = html[: html.index("Ask the other way round")].rpartition(
        '<a class="button" href="?'
    )[2]
    other_way = other_way.partition('"')[0]
    assert "giver=LVV_OSH" in other_way
    assert "receiver=TAX" in other_way


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"giver": "TAX", "receiver": "TAX", "information": "tip"}, "Choose another receiver"),
        ({"giver": "TAX"}, "Choose a kind of information, or who could get it"),
        ({"giver": "TAX", "information": "tip", "day": "32.1.2026"}, "Enter a valid date"),
        ({"giver": "NOBODY", "information": "tip"}, "not one of the available choices"),
        ({"giver": "TAX", "information": "tip", "known": "9999-12-31"}, "a day that has been"),
        ({"giver": "TAX", "information": "tip", "known": "0001-01-01"}, "a day that has been"),
    ],
)
def test_a_question_that_makes_no_sense_says_so_and_keeps_what_was_chosen(inspector, asked, words):
    page = inspector.get(reverse(URL["gateway"]), asked)
    assert page.status_code == 422
    assert words in text(page)
    assert 'class="errorsummary"' in page.content.decode()
    if asked["giver"] == "TAX":
        assert '<option value="TAX" selected>' in page.content.decode()
    if asked.get("day"):
        assert 'value="32.1.2026"' in page.content.decode()
    assert not page.context["answers"]


def test_an_answer_can_be_asked_for_as_it_was_known(inspector):
    asked = {
        "giver": "LVV_OSH", "receiver": "TAX", "information": "employment_terms",
        "day": "2026-05-04",
    }  # fmt: skip
    now = inspector.get(reverse(URL["gateway"]), asked)
    assert now.context["answers"][0].outcome == "may_give"
    then = inspector.get(reverse(URL["gateway"]), asked | {"known": "2020-01-01"})
    assert then.context["answers"][0].outcome == "may_not"
    assert "As the register was known at the end of" in text(then)


def test_the_notice_goes_when_everything_shown_is_reviewed(inspector, catalogue):
    asked = {
        "giver": "LVV_OSH", "receiver": "BUILDING_CONTROL", "information": "health_protection",
        "day": "2026-05-04",
    }  # fmt: skip
    assert "Not legal advice" in text(inspector.get(reverse(URL["gateway"]), asked))
    review_version(
        actor=person("LVV_OSH", "administrator"), role="lawyer",
        version=GroundVersion.objects.get(ground__code="D-OSH-04"),
    )  # fmt: skip
    words = text(inspector.get(reverse(URL["gateway"]), asked))
    assert "Not legal advice" not in words
    assert "LVV_OSH: lawyer" in words


def test_the_lists_say_starter_data_until_every_row_is_reviewed(inspector):
    paths = [reverse(URL[name]) for name in ("ground_list", "competence_list", "gateway_matrix")]
    for path in paths:
        assert "Not legal advice" in text(inspector.get(path)), path
    for model in (GroundVersion, Competence):
        model.objects.update(reviewed_by="X: lawyer", reviewed_on=dt.date(2026, 5, 4))
    for path in paths:
        assert "Not legal advice" not in text(inspector.get(path)), path


# ------------------------------------------------------------------ matrix
@pytest.mark.parametrize("who", ["inspects", "all"])
def test_matrix_says_each_cell_in_words_and_links_to_the_answer(inspector, who):
    page = inspector.get(
        reverse(URL["gateway_matrix"]),
        {"information": "employment_terms", "day": "2026-05-04", "who": who},
    )
    html = page.content.decode()
    assert page.status_code == 200
    assert html.count("<tr>") - 1 == html.count('class="self"') == len(page.context["rows"])
    assert "Must give when asked" in html
    assert ("MIGRI" in {a.code for a in page.context["shown"]}) == (who == "all")
    link = re.search(r'href="([^"]+giver=TAX[^"]+receiver=LVV_OSH[^"]+)"', html)
    assert link
    assert inspector.get(link[1].replace("&amp;", "&")).status_code == 200


def test_matrix_costs_the_same_for_few_and_for_all(inspector):
    def cost(who: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            inspector.get(reverse(URL["gateway_matrix"]), {"who": who})
        return len(captured)

    cost("all")
    assert cost("all") == cost("inspects") <= 22


def test_matrix_of_a_bad_day_says_so(inspector):
    page = inspector.get(reverse(URL["gateway_matrix"]), {"day": "yesterday"})
    assert page.status_code == 422
    assert "Enter a valid date" in text(page)


# ------------------------------------------------------------------ competences and the card
def test_who_may_enter_staff_lodging(inspector):
    page = inspector.get(
        reverse(URL["competence_list"]),
        {"action": "enter", "place": "employer_accommodation", "day": "2026-05-04"},
    )
    holders = {row.authority.code for row in page.context["rows"]}
    assert holders == {"LVV_OSH", "POLICE", "HEALTH_MUNICIPAL", "RESCUE", "BUILDING_CONTROL"}
    assert "Poor housing alone is not enough" in text(page)


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        ({"who": "VICTIM_ASSISTANCE"}, {"C-VIC-01", "C-ALL-01"}),
        ({"q": "1102/2017", "action": "enter"}, {"C-ALC-01", "C-ALC-02"}),
        ({"q": "c-tax-02"}, {"C-TAX-02"}),
        ({"entry": "true", "who": "TAX"}, {"C-TAX-01"}),
    ],
)
def test_filters_of_competences(inspector, asked, codes):
    page = inspector.get(reverse(URL["competence_list"]), asked)
    assert {row.code for row in page.context["rows"]} == codes


def test_the_card_tells_conditions_notice_and_whom_to_ask(inspector):
    page = inspector.get(
        reverse(URL["card"]),
        {"authority": ["TAX", "LVV_OSH"], "premises": "construction_site", "day": "2026-05-04"},
    )
    words = text(page)
    assert "Somebody has a right of entry, on its conditions" in words
    assert "Prior notice: prior notice is the main rule" in words
    assert "take samples" not in words.split("Nobody present may")[1]
    assert "establish identity Ask:" in words
    assert "widens nobody’s powers" in words
    home = text(inspector.get(
        reverse(URL["card"]), {"authority": "TAX", "premises": "dwelling", "day": "2026-05-04"}
    ))  # fmt: skip
    assert "Nobody present has a right of entry" in home
    assert "May enter by right, so ask them along:" in home


def test_the_card_needs_somebody(inspector):
    page = inspector.get(reverse(URL["card"]), {"premises": "dwelling"})
    assert page.status_code == 422
    assert "This field is required" in text(page)
    assert '<option value="dwelling" selected>' in page.content.decode()


def form_of(row: Competence) -> dict[str, object]:
    return {
        "action": row.action, "premises": row.premises, "notice": row.notice, "basis": "1/2026; 1 §",
        "text_fi": row.text_fi, "shown": row.version, "entry_right": "on",
    }  # fmt: skip


def test_a_competence_is_changed_ended_and_reviewed_by_its_own_administrator(catalogue, as_user):
    row = Competence.objects.get(code="C-OSH-01")
    place = {"public_id": row.public_id}
    stranger = as_user(person("TAX", "administrator"))
    for name in ("competence_review", "competence_end"):
        assert stranger.post(reverse(f"authorities:{name}", kwargs=place)).status_code == 403
    assert stranger.get(reverse("authorities:competence_edit", kwargs=place)).status_code == 403
    own = as_user(person("LVV_OSH", "administrator"))
    edit = reverse("authorities:competence_edit", kwargs=place)
    bad = own.post(edit, form_of(row) | {"basis": "only the act", "text_fi": "Kirjoitettu"})
    assert bad.status_code == 422
    assert "needs an act and a section" in text(bad)
    assert "Kirjoitettu" in bad.content.decode()
    assert own.post(edit, form_of(row) | {"text_fi": "Uusi ehto"}).status_code == 302
    late = own.post(edit, form_of(row) | {"text_fi": "Myöhässä"})
    assert late.status_code == 422
    assert "Somebody has changed this since you opened it" in text(late)
    assert "Myöhässä" in late.content.decode()
    own.post(reverse("authorities:competence_review", kwargs=place), {"role": "lawyer"})
    own.post(reverse("authorities:competence_end", kwargs=place), {"last_day": "soon"})
    own.post(reverse("authorities:competence_end", kwargs=place), {"last_day": "2030-01-31"})
    row.refresh_from_db()
    assert (row.text_fi, row.valid_to) == ("Uusi ehto", dt.date(2030, 1, 31))
    assert row.reviewed_by == "LVV_OSH: lawyer"
    detail = text(own.get(reverse("authorities:competence_detail", kwargs=place)))
    assert "The competence was ended" in detail
    assert "LVV_OSH: lawyer" in detail


# ------------------------------------------------------------------ grounds
def ground_form(version: GroundVersion) -> dict[str, object]:
    return {
        "kind": "in_force", "givers": version.givers, "receivers": version.receivers,
        "information": version.information, "mode": version.mode, "force": version.force,
        "requires": version.requires, "basis": "44/2006; 49 §; 336/2023", "text_fi": "Ehto",
        "valid_from": "2027-01-01", "shown": version.version, "note": "New act",
        "test_cases": "2027-02-01; health_protection; LVV_OSH; BUILDING_CONTROL; may_give",
    }  # fmt: skip


def test_a_ground_from_draft_to_publication_through_its_pages(catalogue, as_user):
    page = reverse("authorities:ground_detail", args=["D-OSH-04"])
    writer, second = person("LVV_OSH", "administrator"), person("LVV_OSH", "manager")
    own = as_user(writer)
    assert "Make a new version" in text(own.get(page))
    edit = own.post(reverse("authorities:ground_draft", args=["D-OSH-04"]))["Location"]
    assert 'value="LVV_OSH"' in own.get(edit).content.decode()
    draft = GroundVersion.objects.get(ground__code="D-OSH-04", state="draft")
    bad = own.post(edit, ground_form(draft) | {"test_cases": "2027-02-01; health_protection"})
    assert bad.status_code == 422
    assert "Test case 1 has 2 of 5 parts" in text(bad)
    assert "New act" in bad.content.decode()
    misspelt = "2027-02-01; health_protektion; LVV_OSH; BUILDING_CONTROL; may_give"
    assert "health_protektion" in text(
        own.post(edit, ground_form(draft) | {"test_cases": misspelt})
    )
    assert own.post(edit, ground_form(draft)).status_code == 302
    step = reverse("authorities:ground_decide", args=[draft.public_id])
    own.post(step, {"step": "submit"})
    assert "A second person of an authority that gives decides" in text(own.get(page))
    assert own.post(step, {"step": "publish"}).status_code == 403
    other = as_user(second)
    assert "Approve and publish" in text(other.get(page))
    other.post(step, {"step": "publish"})
    draft.refresh_from_db()
    assert draft.state == "published"
    shown = text(other.get(page))
    assert "Version 2 was published; it applies from 2027-01-01." in shown
    assert "holds" in shown
    assert second.user.full_name in shown
    assert other.get(edit).status_code == 403  # a manager
    assert as_user(writer).get(edit).status_code == 302  # nothing to edit any more


def test_failing_cases_are_listed_and_nothing_is_published(catalogue, as_user):
    version = submitted(
        person("LVV_OSH", "administrator"), "D-OSH-03", receivers=["POLICE"],
        valid_from=dt.date(2026, 1, 1),
        test_cases=[case("employment_terms", "LVV_OSH", "TAX", "may_give")],
    )  # fmt: skip
    decider = as_user(person("LVV_OSH", "manager"))
    page = decider.post(
        reverse("authorities:ground_decide", args=[version.public_id]), {"step": "publish"}
    )
    assert page.status_code == 422
    words = text(page)
    assert "1 test case fails, so nothing was published" in words
    assert "D-OSH-03: 2027-02-01 employment_terms LVV_OSH → TAX: may_give ≠ on_request" in words
    version.refresh_from_db()
    assert version.state == "submitted"
    refused = decider.post(
        reverse("authorities:ground_decide", args=[version.public_id]),
        {"step": "reject", "reason": ""}, follow=True,
    )  # fmt: skip
    assert "Say why." in text(refused)
    decider.post(
        reverse("authorities:ground_decide", args=[version.public_id]),
        {"step": "reject", "reason": "Not the law"},
    )
    assert "Not the law" in text(
        decider.get(reverse("authorities:ground_detail", args=["D-OSH-03"]))
    )


def test_a_ground_page_costs_the_same_for_many_versions(catalogue, as_user):
    writer, second = person("TAX", "administrator"), person("TAX", "manager")
    client = as_user(writer)
    page = reverse("authorities:ground_detail", args=["D-TAX-04"])

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(page).status_code == 200
        return len(captured)

    def publish() -> None:
        version = submitted(
            writer, "D-TAX-04", test_cases=[case("business_ban", "TAX", "POLICE", "may_give")]
        )
        publish_version(actor=second, version=version)

    publish()
    few = cost()
    for _ in range(3):
        publish()
    # Each version asks whether its own ground lets the reader give: one small query.
    assert cost() - few <= 3


@pytest.mark.parametrize(
    ("asked", "present", "absent"),
    [
        ({"giver": "TAX", "receiver": "ENFORCEMENT"}, "D-TAX-07", "D-TAX-04"),
        ({"receiver": "LVV_OSH", "mode": "mass_data"}, "D-OSH-11", "D-TAX-01"),
        ({"information": "child_concern"}, "D-CHI-01", "D-OSH-01"),
        ({"state": "unreviewed"}, "D-OSH-01", "none"),
    ],
)
def test_filters_of_grounds_read_the_shown_version(inspector, asked, present, absent):
    draft = draft_version(
        actor=person("TAX", "administrator"), ground=Ground.objects.get(code="D-TAX-04")
    )
    # What a draft says does not find the ground.
    GroundVersion.objects.filter(pk=draft.pk).update(
        receivers=["ENFORCEMENT"], mode="mass_data", information=["child_concern"]
    )
    page = inspector.get(reverse(URL["ground_list"]), asked | {"per_page": "100"})
    found = {row.code for row in page.context["rows"]}
    assert present in found
    assert absent not in found
    waiting = inspector.get(reverse(URL["ground_list"]), {"state": "open"})
    assert not waiting.context["rows"]


def test_a_new_ground_keeps_what_was_typed_when_refused(catalogue, as_user):
    client = as_user(person("TAX", "administrator"))
    typed = {
        "code": "D-TAX-01", "kind": "in_force", "givers": ["TAX"], "receivers": ["G_PTR"],
        "information": ["tip"], "mode": "on_request", "force": "duty", "basis": "1/2026; 1 §",
        "text_fi": "Pitkä teksti", "shown": "0", "test_cases": "",
    }  # fmt: skip
    page = client.post(reverse("authorities:ground_create"), typed)
    assert page.status_code == 422
    assert "There is a ground D-TAX-01 already" in text(page)
    assert "Pitkä teksti" in page.content.decode()
    assert re.search(r'value="G_PTR"[^>]*checked', page.content.decode())
    assert client.post(
        reverse("authorities:ground_create"), typed | {"code": "D-TAX-90"}
    ).status_code == 302  # fmt: skip
    assert GroundVersion.objects.get(ground__code="D-TAX-90").state == "draft"


# ------------------------------------------------------------------ interests
def test_an_interest_is_published_seen_and_withdrawn(catalogue, as_user):
    analyst = person("TAX", "analyst")
    Interest.objects.filter(authority__code="TAX").delete()
    uusimaa = make_region()
    client = as_user(analyst)
    page = client.post(
        reverse(URL["interests"]),
        {"information": "payroll", "industries": "56, 41", "regions": [uusimaa.pk], "note": "Bars"},
    )
    assert page.status_code == 302
    again = client.post(
        reverse(URL["interests"]), {"information": "payroll", "note": "typed twice"}
    )
    assert again.status_code == 422
    assert "typed twice" in again.content.decode()
    other = as_user(person("POLICE", "inspector"))
    for path in (reverse(URL["interests"]), reverse("authorities:authority_detail", args=["TAX"])):
        words = text(other.get(path))
        assert "payroll and income data · 56, 41 · Uusimaa" in words
        assert "Bars" in words
    assert other.post(reverse(URL["interests"]), {"information": "tip"}).status_code == 403
    interest = Interest.objects.get(authority__code="TAX")
    withdraw = reverse("authorities:interest_withdraw", args=[interest.public_id])
    assert as_user(person("POLICE", "analyst")).post(withdraw).status_code == 403
    as_user(analyst).post(withdraw)
    assert "Bars" not in text(other.get(reverse("authorities:authority_detail", args=["TAX"])))
    assert Event.objects.filter(verb="interest.withdrawn").count() == 1


def test_an_authority_page_leads_to_what_it_may_give_us(inspector):
    page = inspector.get(reverse("authorities:authority_detail", args=["TAX"]))
    assert "giver=TAX&amp;receiver=LVV_OSH" in page.content.decode()
    assert "starter data" in text(page)
    assert "What it may give us" not in text(
        inspector.get(reverse("authorities:authority_detail", args=["LVV_OSH"]))
    )


# ------------------------------------------------------------------ open to everybody
PUBLIC = ("gateway", "gateway_matrix", "card", "competence_list", "ground_list")


@pytest.fixture
def anybody(client):
    """Somebody without an account; the browser asks for English, in which words are compared."""
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def test_the_register_is_closed_unless_the_installation_opens_it(catalogue, anybody, settings):
    for name in (*PUBLIC, "interests"):
        assert anybody.get(reverse(URL[name])).status_code == 302, name
    settings.PUBLIC_POWERS = True
    for name in PUBLIC:
        page = anybody.get(reverse(URL[name]))
        assert page.status_code == 200, name
        assert "Starter data, not reviewed" in text(page) or name in ("gateway", "card")
    assert anybody.get(reverse(URL["interests"])).status_code == 302
    assert anybody.get(reverse("authorities:ground_create")).status_code == 302


def test_what_is_open_shows_no_people_no_drafts_and_no_tools(catalogue, anybody, settings):
    settings.PUBLIC_POWERS = True
    writer, second = person("TAX", "administrator"), person("TAX", "manager")
    version = submitted(
        writer, "D-TAX-04", test_cases=[case("business_ban", "TAX", "POLICE", "may_give")]
    )
    publish_version(actor=second, version=version)
    draft_version(actor=writer, ground=Ground.objects.get(code="D-TAX-04"))
    Ground.objects.create(code="D-NEW")
    GroundVersion.objects.create(
        ground=Ground.objects.get(code="D-NEW"), number=1, state="draft", givers=["TAX"],
        receivers=["POLICE"], information=["tip"], mode="on_request", force="duty",
        text_fi="Salainen luonnos", drafted_by=writer.user,
    )  # fmt: skip
    competence = Competence.objects.get(code="C-TAX-01")
    asked = {"giver": "TAX", "receiver": "POLICE", "information": "business_ban"}
    pages = [
        anybody.get(reverse("authorities:ground_detail", args=["D-TAX-04"])),
        anybody.get(reverse("authorities:competence_detail", args=[competence.public_id])),
        anybody.get(reverse(URL["gateway"]), asked),
        anybody.get(reverse(URL["ground_list"]), {"per_page": "100"}),
        anybody.get(reverse(URL["competence_list"]), {"per_page": "100"}),
    ]
    for page in pages:
        html = page.content.decode()
        assert page.status_code == 200
        for actor in (writer, second):
            assert actor.user.full_name not in html
            assert actor.user.email not in html
        for words in ("Saved views", "Export", "Make a new version", "Note the review", "D-NEW",
                      "Version 3", "Timeline"):  # fmt: skip
            assert words not in html, (page.request["PATH_INFO"], words)
    assert "Version 2" in text(pages[0])
    assert anybody.get(reverse("authorities:ground_detail", args=["D-NEW"])).status_code == 404
    export = anybody.get(reverse(URL["ground_list"]), {"export": "csv"})
    assert export["Content-Type"].startswith("text/html")
    assert not Event.objects.filter(verb="list.exported").exists()


def test_people_of_an_authority_stay_closed(catalogue, anybody, settings):
    settings.PUBLIC_POWERS = True
    for name, args in (("authority_list", []), ("authority_detail", ["TAX"])):
        assert anybody.get(reverse(f"authorities:{name}", args=args)).status_code == 302


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_catalogue_speaks_the_readers_language(catalogue, as_user, language):
    client = as_user(person("LVV_OSH", "inspector", language=language))
    page = client.get(
        reverse(URL["gateway"]),
        {"giver": "LVV_OSH", "receiver": "TAX", "information": "employment_terms",
         "day": "2026-05-04"},
    )  # fmt: skip
    words = {
        "fi": "Vastaanottajan on oltava asiassa toimivaltainen",
        "sv": "Mottagaren ska vara behörig i saken",
        "en": "The receiver must be competent in the matter",
    }
    assert words[language] in text(page)
    assert authority("TAX").name_fi


def test_the_menu_has_the_powers_under_their_heading(inspector):
    html = inspector.get(reverse(URL["gateway"])).content.decode()
    assert "Powers and sharing" in html
    assert re.search(r'<a href="[^"]+gateway/" aria-current="page">', html)


def test_publishing_an_interest_is_offered_to_those_who_may(catalogue, as_user):
    path = reverse(URL["interests"])
    assert "Publish an interest" in text(as_user(person("TAX", "analyst")).get(path))
    assert "Publish an interest" not in text(as_user(person("TAX", "inspector")).get(path))
    row = publish_interest(actor=person("KKV", "analyst"), information="tip")
    assert row.authority.code == "KKV"
