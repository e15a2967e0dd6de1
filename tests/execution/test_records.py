"""Records of visits: what fits together is taken, what does not is refused with words."""

import io

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.models import Event
from execution.models import Photo
from execution.services import (
    add_finding,
    add_photo,
    end_visit,
    mark_not_possible,
    reopen_record,
    save_record,
    start_visit,
    submit_record,
)
from tests.factories import Cast
from worklist.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def field(db):
    """A cast with a started visit: (cast, inspector of OSH, visit, open record)."""
    cast = Cast()
    cast.to("executing")
    osh = cast.actors["OSH", "inspector"]
    visit = start_visit(actor=osh, visit=cast.visits()[0])
    return cast, osh, visit, cast.record(visit, "OSH")


def finding(osh, record, severity="minor"):
    return add_finding(
        actor=osh, record=record, severity=severity, text="No roster", legal_reference="30 §"
    )


def test_no_remarks_with_a_finding_is_refused_with_words(field):
    cast, osh, _visit, record = field
    record = cast.fill(record, osh)
    finding(osh, record)
    with pytest.raises(RuleViolation, match="“no remarks”, but the record has 1 finding"):
        submit_record(actor=osh, record=record, outcome="no_remarks")
    assert submit_record(actor=osh, record=record, outcome="remarks").state == "submitted"


@pytest.mark.parametrize(
    ("outcome", "severity", "words"),
    [
        ("remarks", None, "there is no finding"),
        ("serious", None, "there is no finding"),
        ("serious", "minor", "no finding is serious or critical"),
    ],
)
def test_outcome_and_findings_must_agree(field, outcome, severity, words):
    cast, osh, _visit, record = field
    record = cast.fill(record, osh)
    if severity:
        finding(osh, record, severity)
    with pytest.raises(RuleViolation, match=words):
        submit_record(actor=osh, record=record, outcome=outcome)


def test_unanswered_questions_and_people_are_asked_for(field):
    _cast, osh, _visit, record = field
    with pytest.raises(RuleViolation) as refusal:
        submit_record(actor=osh, record=record, outcome="no_remarks")
    assert "2 questions of the checklist are not answered" in str(refusal.value)
    assert "Roster on display" in str(refusal.value)
    assert "how many people were met" in str(refusal.value)


def test_counts_cannot_exceed_people_met(field):
    _cast, osh, _visit, record = field
    with pytest.raises(RuleViolation, match="more than the number of people met"):
        save_record(
            actor=osh, record=record, version=1, answers={},
            counts={"people_met": 2, "people_interviewed": 3},
        )  # fmt: skip


def test_second_writer_is_told_and_nothing_is_overwritten(field, as_user):
    cast, osh, _visit, record = field
    save_record(actor=osh, record=record, version=1, answers={}, counts={}, summary="First")
    client = as_user(osh)
    page = client.post(
        reverse("execution:record", args=[record.public_id]), {"version": 1, "summary": "Second"}
    )
    assert page.status_code == 409
    text = page.content.decode()
    assert "Somebody else of your team saved this record" in text
    assert "First" in text
    assert "Second" in text
    assert cast.record(record.visit, "OSH").summary == "First"


def test_only_the_days_team_writes(field):
    cast, _osh, visit, record = field
    stranger = cast.actors["OSH", "coordinator"]
    with pytest.raises(NotAllowed):
        save_record(actor=stranger, record=record, version=1, answers={}, counts={})
    with pytest.raises(NotAllowed):
        end_visit(actor=stranger, visit=visit)
    with pytest.raises(NotAllowed):
        finding(cast.actors["TAX", "inspector"], record)


def test_visit_not_possible_needs_a_reason_and_closes_the_visit(field):
    cast, osh, _visit, _record = field
    other = cast.visits()[1]
    with pytest.raises(RuleViolation, match="Say in words"):
        mark_not_possible(actor=osh, visit=other, reason="other")
    visit = mark_not_possible(actor=osh, visit=other, reason="closed")
    assert visit.state == "not_possible"
    assert {o.kind for o in visit.outcomes.all()} == {"not_visited"}


def test_coordinator_reopens_with_a_reason(field):
    cast, osh, _visit, record = field
    record = submit_record(actor=osh, record=cast.fill(record, osh), outcome="no_remarks")
    with pytest.raises(RuleViolation, match="has been submitted"):
        finding(osh, record)
    with pytest.raises(NotAllowed):
        reopen_record(actor=osh, record=record, reason="Forgot")
    reopened = reopen_record(actor=cast.lead, record=record, reason="Forgot a finding")
    assert reopened.state == "open"


def test_late_record_is_kept_flagged_and_the_lead_is_told():
    cast = Cast()
    cast.to("executing")
    osh, tax = cast.actors["OSH", "inspector"], cast.actors["TAX", "inspector"]
    for visit in cast.visits():
        start_visit(actor=osh, visit=visit)
        for code, actor in (("OSH", osh), ("TAX", tax)):
            record = cast.fill(cast.record(visit, code), actor)
            submit_record(actor=actor, record=record, outcome="no_remarks")
        end_visit(actor=osh, visit=visit)
    late = cast.record(cast.visits()[0], "TAX")
    reopen_record(actor=cast.actors["TAX", "coordinator"], record=late, reason="Mistake")
    # The operation moves on although the record is open again: the guard is stepped over here.
    operation = cast.refresh()
    operation.state = "feedback"
    operation.save()
    late = submit_record(
        actor=tax, record=cast.record(cast.visits()[0], "TAX"), outcome="no_remarks"
    )
    assert late.state == "submitted"
    assert Event.objects.filter(verb="record.submitted_late").count() == 1
    assert Task.objects.open().filter(kind="execution.late", assignee=cast.lead.user).count() == 1


# ------------------------------------------------------------------ photos
def jpeg(size=(40, 30), exif=None) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, "JPEG", exif=exif or Image.Exif())
    return out.getvalue()


def upload(data: bytes, name="a.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, "image/jpeg")


def test_photo_keeps_nothing_of_the_camera(field, as_user):
    _cast, osh, _visit, record = field
    exif = Image.Exif()
    exif[0x010F] = "SECRETCAMERA"
    exif[0x0112] = 6  # turned: must come out upright
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (60.0, 10.0, 0.0)
    photo = add_photo(actor=osh, record=record, file=upload(jpeg(exif=exif)))
    data = photo.file.read()
    assert b"SECRETCAMERA" not in data
    assert not Image.open(io.BytesIO(data)).getexif()
    assert (photo.width, photo.height) == (30, 40)
    answer = as_user(osh).get(reverse("execution:photo", args=[photo.public_id]))
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "not a photo"),
        (b"<html><script>alert(1)</script></html>", "not a photo"),
        (b"GIF89a/*" + b"\0" * 50 + b"*/=1;alert(1)", "not a photo"),
        (jpeg()[:200], "not a photo"),
        (b"", "not a photo"),
    ],
    ids=["svg", "html", "polyglot", "cut off", "empty"],
)
def test_what_is_no_photo_is_refused_with_words_and_leaves_nothing(field, data, words):
    _cast, osh, _visit, record = field
    before = stored_files()
    with pytest.raises(RuleViolation, match=words):
        add_photo(actor=osh, record=record, file=upload(data))
    assert Photo.objects.count() == 0
    assert stored_files() == before


def test_a_picture_of_too_many_pixels_is_refused_without_reading_it(field):
    import struct
    import zlib

    _cast, osh, _visit, record = field
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(RuleViolation, match="too many pixels"):
        add_photo(actor=osh, record=record, file=upload(data, "a.png"))


def stored_files() -> int:
    try:
        return sum(len(default_storage.listdir(f"photos/{y}/{m}")[1])
                   for y in default_storage.listdir("photos")[0]
                   for m in default_storage.listdir(f"photos/{y}")[0])  # fmt: skip
    except FileNotFoundError:
        return 0


def test_photo_sent_twice_is_stored_once(field):
    import uuid

    _cast, osh, _visit, record = field
    key = uuid.uuid4()
    first = add_photo(actor=osh, record=record, file=upload(jpeg()), client_id=key)
    again = add_photo(actor=osh, record=record, file=upload(jpeg()), client_id=key)
    assert first.pk == again.pk
    assert Photo.objects.count() == 1


def test_version_conflict_is_a_conflict_for_services(field):
    _cast, osh, _visit, record = field
    with pytest.raises(Conflict):
        save_record(actor=osh, record=record, version=99, answers={}, counts={})
