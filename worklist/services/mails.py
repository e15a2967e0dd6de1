"""The text of the daily mail, and handing it over to the mail server in two steps."""

import datetime as dt
import smtplib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from authorities.models import User
from worklist.kinds import neutral_for
from worklist.models import Reminder, ReminderKind, Task

MAILS_PER_CONNECTION = 50


class Unreachable(Exception):
    """The mail server does not answer; no mail was begun."""


class Refused(Exception):
    """The server said no, or was gone, before it got the text: nothing went out."""


class Uncertain(Exception):
    """The connection broke after the text was handed over: it may or may not have gone out."""


def message_id(user: User, day: dt.date) -> str:
    """The same for the same person and day, so that mail systems can tell a repetition."""
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
    return f"<digest.{user.public_id}.{day.isoformat()}@{domain}>"


def digest_mail(
    user: User, day: dt.date, today: dt.date, reminders: Sequence[Reminder]
) -> EmailMessage:
    """The mail of ``day`` in the person's language: numbers and kinds of tasks, no names at all.

    ``reminders`` come with their task. What was escalated to the person is counted apart.
    """
    own = {r.task_id: r.task for r in reminders if r.kind != ReminderKind.ESCALATION}
    escalated = {r.task_id for r in reminders if r.kind == ReminderKind.ESCALATION} - own.keys()
    with translation.override(user.language or settings.LANGUAGE_CODE):
        total = len(own) + len(escalated)
        lines = _lines(own.values(), today)
        if escalated:
            lines.append(
                ngettext(
                    "- %(count)s overdue task escalated to you",
                    "- %(count)s overdue tasks escalated to you",
                    len(escalated),
                )
                % {"count": len(escalated)}
            )
        subject = ngettext(
            "Tarkka: %(count)s task waits for you", "Tarkka: %(count)s tasks wait for you", total
        ) % {"count": total}
        body = _(
            "Hello %(name)s,\n\nthis waits for you in Tarkka:\n\n%(lines)s\n\n"
            "Open your work: %(link)s\n\nThis mail holds no confidential content. You get it once "
            "a day at most; the hour can be changed in your profile."
        ) % {
            "name": user.first_name,
            "lines": "\n".join(lines),
            "link": settings.SITE_URL.rstrip("/") + reverse("worklist:my_work"),
        }
    headers = {
        "Message-ID": message_id(user, day),
        "Auto-Submitted": "auto-generated",
        "Content-Language": user.language or settings.LANGUAGE_CODE,
    }
    return EmailMessage(subject, body + "\n", to=[user.email], headers=headers)


def _lines(tasks: Iterable[Task], today: dt.date) -> list[str]:
    """One line for each kind and date, the earliest date first, undated last."""
    groups = Counter((neutral_for(t.kind), t.due) for t in tasks)
    far = dt.date.max
    lines = []
    for (words, due), count in sorted(groups.items(), key=lambda g: (g[0][1] or far, g[0][0])):
        values = {"words": words, "count": count}
        if due is None:
            lines.append(_("- %(words)s (%(count)s), no deadline") % values)
            continue
        values["date"] = date_format(due, "SHORT_DATE_FORMAT")
        if due < today:
            lines.append(_("- %(words)s (%(count)s), overdue, was due %(date)s") % values)
        else:
            lines.append(_("- %(words)s (%(count)s), due %(date)s") % values)
    return lines


class Mailer:
    """A connection to the mail server, opened when first needed and used for many mails."""

    def __init__(self) -> None:
        self._backend: BaseEmailBackend | None = None
        self._used = 0

    def open(self) -> None:
        """Make sure of a connection; raises ``Unreachable``."""
        if self._backend is not None and self._used < MAILS_PER_CONNECTION:
            return
        self.close()
        backend = get_connection(fail_silently=False)
        try:
            backend.open()
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(str(error)) from error
        self._backend = backend
        self._used = 0

    def close(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()

    def deliver(self, mail: EmailMessage, begin: Callable[[], bool]) -> bool:
        """Hand ``mail`` over; ``begin`` is called at the last moment at which nothing is sent yet.

        ``begin`` stores that sending has begun; when it returns False somebody else has taken the
        mail over, nothing is sent and the answer is False. Raises ``Unreachable``, ``Refused``,
        ``Uncertain``.
        """
        self.open()
        assert self._backend is not None
        self._used += 1
        if not isinstance(self._backend, EmailBackend):
            if not begin():
                return False
            self._backend.send_messages([mail])
            return True
        client = self._backend.connection
        assert client is not None
        try:
            self._announce(client, mail)
        except Exception:
            self.close()
            raise
        if not begin():
            self.close()
            return False
        try:
            text = mail.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # Django's own
            code, reply = client.data(text)
        except smtplib.SMTPDataError as error:  # refused before the text
            self.close()
            raise Refused(str(error)) from error
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise Uncertain(str(error) or type(error).__name__) from error
        if code != 250:
            self.close()
            raise Refused(_words(code, reply))
        return True

    @staticmethod
    def _announce(client: smtplib.SMTP, mail: EmailMessage) -> None:
        """Sender and recipients, up to the point where the text would follow."""
        encoding = mail.encoding or settings.DEFAULT_CHARSET
        try:
            client.ehlo_or_helo_if_needed()
            answers = [client.mail(sanitize_address(mail.from_email, encoding))]
            answers += [client.rcpt(sanitize_address(to, encoding)) for to in mail.recipients()]
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise Refused(str(error) or type(error).__name__) from error
        for code, reply in answers:
            if code not in (250, 251):
                raise Refused(_words(code, reply))


def _words(code: int, reply: bytes) -> str:
    return f"{code} {reply.decode('utf-8', 'replace')}"
