"""What a list was narrowed by goes whole to saved views, exports and whatever is done to all of it."""

from html import unescape

import pytest
from django.http import QueryDict
from django.urls import reverse

from targets.models import SiteTag
from tests.factories import make_actor, make_municipality, make_region, make_site
from ui import list_exports
from ui.models import ExportJob, SavedView
from ui.services import MAX_QUERY, make_export

pytestmark = pytest.mark.django_db


@pytest.fixture
def narrowed() -> str:
    """150 municipalities ticked, then those sites alone that are closed: one of two."""
    region = make_region("19", "Lappi")
    places = [make_municipality(f"{n}", f"Place {n}", region) for n in range(500, 650)]
    make_site(name="Open", municipality=places[-1])
    make_site(name="Closed", municipality=places[-1], status="closed")
    query = QueryDict(mutable=True)
    query.setlist("region", [str(place.pk) for place in places])
    query.setlist("column", ["municipality", "last_visit", "region"] * 30)
    query["status"] = "closed"
    text = query.urlencode()
    assert len(text) > 2_500
    return text


def too_long(query: str) -> str:
    return f"{query}&q={'x' * MAX_QUERY}"


def test_all_that_match_are_those_that_the_list_showed(as_user, narrowed):
    client = as_user(make_actor("OSH", "analyst"))
    data = {"all": "1", "query": narrowed}
    page = client.get(reverse("targets:site_list") + f"?{narrowed}")
    assert [row.name for row in page.context["rows"]] == ["Closed"]
    assert "1 site chosen." in client.get(reverse("targets:tag_sites"), data).content.decode()
    client.post(reverse("targets:tag_sites"), data | {"name": "Gone"})
    assert list(SiteTag.objects.values_list("site__name", flat=True)) == ["Closed"]


def test_more_than_can_be_carried_is_refused_in_words_and_nothing_done(as_user, narrowed):
    client = as_user(make_actor("OSH", "analyst"))
    data = {"all": "1", "query": too_long(narrowed), "name": "Gone"}
    answer = client.post(reverse("targets:tag_sites"), data)
    assert answer.status_code == 422
    assert "more than can be kept" in answer.content.decode()
    assert not SiteTag.objects.exists()


def test_a_saved_view_keeps_every_choice(as_user, narrowed):
    actor = make_actor("OSH", "analyst")
    client = as_user(actor)
    page = reverse("targets:site_list")
    data = {"list_key": "sites", "path": page, "name": "North", "scope": "mine"}
    client.post(reverse("ui:saved_view_create"), data | {"query": narrowed})
    kept = QueryDict(SavedView.objects.get().query)
    assert len(kept.getlist("region")) == 150
    assert kept["status"] == "closed"
    answer = client.post(
        reverse("ui:saved_view_create"), data | {"name": "Far", "query": too_long(narrowed)}
    )
    assert QueryDict(answer["Location"].partition("?")[2]).getlist("region") == kept.getlist(
        "region"
    )
    assert not SavedView.objects.filter(name="Far").exists()


def test_an_export_has_the_rows_of_the_list(as_user, narrowed, monkeypatch):
    monkeypatch.setattr(list_exports, "NOW_LIMIT", 0)
    monkeypatch.setattr("ui.jobs.run_export.delay", lambda pk: None)
    client = as_user(make_actor("OSH", "analyst"))
    client.get(reverse("targets:site_list") + f"?{narrowed}&export=csv")
    job = ExportJob.objects.get()
    assert make_export(job.pk) is True
    job.refresh_from_db()
    lines = job.file.read().decode("utf-8-sig").splitlines()
    job.file.delete(save=False)
    assert [line.split(";")[0] for line in lines[6:]] == ["Closed"]


def test_an_export_of_too_many_choices_keeps_what_was_chosen(as_user, narrowed, monkeypatch):
    monkeypatch.setattr(list_exports, "NOW_LIMIT", 0)
    client = as_user(make_actor("OSH", "analyst"))
    many = narrowed + "&column=name" * 500
    answer = client.get(reverse("targets:site_list") + f"?{many}&export=csv", follow=True)
    assert "more than can be kept" in unescape(answer.content.decode())
    assert [row.name for row in answer.context["rows"]] == ["Closed"]
    assert not ExportJob.objects.exists()
