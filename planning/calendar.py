"""A person's inspection days as an iCalendar feed without confidential titles."""

import datetime as dt
import secrets

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from authorities.models import Membership, User
from planning.models import CalendarFeed, InspectionDay


def renew_feed(user: User) -> CalendarFeed:
    """Give the person a new unguessable address; the one before stops working."""
    feed, _created = CalendarFeed.objects.update_or_create(
        user=user, defaults={"token": secrets.token_urlsafe(32)}
    )
    return feed


def feed_for(token: str) -> CalendarFeed | None:
    """The feed of an address, while its owner is active."""
    return (
        CalendarFeed.objects.filter(token=token, user__is_active=True)
        .select_related("user")
        .first()
    )


def ical(user: User) -> bytes:
    """The person's own team days, in places that are in force; nothing about the targets."""
    authorities = Membership.objects.usable().filter(user=user).values("authority")
    days = (
        InspectionDay.objects.filter(
            members__user=user, members__authority__in=authorities,
            date__gte=timezone.localdate() - dt.timedelta(days=60),
        )
        .exclude(operation__state="cancelled")
        .order_by("date", "pk")
    )  # fmt: skip
    calendar = Calendar()
    calendar.add("prodid", "-//Tarkka//inspection days//")
    calendar.add("version", "2.0")
    with translation.override(user.language or settings.LANGUAGE_CODE):
        title = _("Inspection day")
        for day in days:
            event = Event()
            event.add("uid", f"{day.public_id}@tarkka")
            event.add("summary", title)
            event.add("dtstamp", timezone.now())
            event.add("sequence", day.version)
            if day.starts_at:
                start = timezone.make_aware(dt.datetime.combine(day.date, day.starts_at))
                event.add("dtstart", start.astimezone(dt.UTC))
                if day.ends_at:
                    end = timezone.make_aware(dt.datetime.combine(day.date, day.ends_at))
                    event.add("dtend", end.astimezone(dt.UTC))
            else:
                event.add("dtstart", day.date)
            event.add("url", settings.SITE_URL)
            calendar.add_component(event)
    return bytes(calendar.to_ical())
