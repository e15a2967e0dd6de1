"""My work, tasks, the inbox, and the health of the machinery."""

import datetime as dt
from typing import Any

import django_filters
from django.contrib import messages
from django.core.cache import cache
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST
from redis.exceptions import RedisError

from audit.errors import RuleViolation
from authorities.access import acting
from authorities.models import Role, Unit
from ui.filters import FilterSet
from ui.forms import DateInput, add_error, form_response
from ui.lists import Column, ListPage
from ui.templatetags.ui import badge
from worklist.forms import TaskForm
from worklist.kinds import sentence_for, title_for
from worklist.models import Digest, DigestState, Heartbeat, Notification, Task, TaskState
from worklist.services import change_state, create_task, mark_read, undo_change
from worklist.services.digests import MAIL, SWEEP
from worklist.services.tasks import ARROWS, arrows_for

UNDO = "task_undo"  # in the session: the last change of a task, offered for undoing once
SHOWN = 200
SWEEP_TOO_OLD_SECONDS = 300
SOON = dt.timedelta(days=14)


def shown_title(task: Task) -> str:
    return title_for(task.kind, task.params, task.title)


def is_overdue(task: Task) -> bool:
    return bool(task.is_open and task.due and task.due < timezone.localdate())


def shown_state(task: Task) -> Any:
    if is_overdue(task):
        return badge("overdue", _("Overdue"))
    return badge(task.state, task.get_state_display())


def shown_who(task: Task) -> str:
    """The person, or the unit with the role that is meant there."""
    if task.assignee:
        return task.assignee.full_name
    assert task.unit is not None  # as the database holds it
    role = dict(Role.choices).get(task.role)
    if role:
        return _("%(unit)s, %(role)s") % {"unit": task.unit.name, "role": role}
    return str(task.unit.name)


@require_GET
@acting()
def home(request: HttpRequest) -> HttpResponse:
    return redirect("worklist:my_work")


def offered_undo(request: HttpRequest) -> dict[str, Any] | None:
    """The last change of a task in this session, with words; offered on one page only."""
    offer: dict[str, Any] | None = request.session.pop(UNDO, None)
    if offer is not None:
        offer["words"] = dict(TaskState.choices)[offer["state"]]
    return offer


@require_GET
@acting()
def my_work(request: HttpRequest) -> HttpResponse:
    """What this person can do in the acting membership, grouped. One query for the tasks.

    Managers also see what was escalated: one more.
    """
    actor = request.actor  # type: ignore[attr-defined]
    soon = timezone.localdate() + SOON
    tasks = list(Task.objects.mine(actor).order_by("due", "id")[: SHOWN + 1])
    groups: dict[str, dict[str, Any]] = {
        "now": {"label": _("Needs my action"), "entries": []},
        "waiting": {"label": _("Waiting for others"), "entries": []},
        "later": {"label": _("Coming up"), "entries": []},
        "escalated": {"label": _("Overdue and escalated to you"), "entries": []},
    }
    for task in tasks[:SHOWN]:
        if task.state == TaskState.WAITING:
            key = "waiting"
        else:
            key = "now" if task.due is None or task.due <= soon else "later"
        groups[key]["entries"].append(_entry(task))
    if actor.has_role(Role.MANAGER):
        mine = {task.pk for task in tasks}
        escalated = (
            Task.objects.visible_to(actor)
            .open()
            .filter(escalated_at__isnull=False)
            .select_related("assignee", "unit")
            .order_by("due", "id")
        )
        groups["escalated"]["entries"] = [
            _entry(task) | {"who": shown_who(task)}
            for task in escalated[:25]
            if task.pk not in mine
        ]
        groups["escalated"]["more"] = reverse("worklist:task_list") + "?deadline=escalated"
    context = {
        "groups": [{"key": key, **group} for key, group in groups.items()],
        "any": any(group["entries"] for group in groups.values()),
        "cut_off": len(tasks) > SHOWN,
        "undo": offered_undo(request),
    }
    return render(request, "worklist/my_work.html", context)


def _entry(task: Task) -> dict[str, Any]:
    return {
        "task": task,
        "title": shown_title(task),
        "badge": shown_state(task),
        "overdue": is_overdue(task),
    }


def units_of(request: Any) -> QuerySet[Unit]:
    return Unit.objects.valid_on().filter(authority=request.actor.authority).order_by("code")


class TaskFilter(FilterSet):
    state = django_filters.MultipleChoiceFilter(
        label=gettext_lazy("State"), choices=TaskState.choices
    )
    deadline = django_filters.ChoiceFilter(
        label=gettext_lazy("Deadline"),
        method="by_deadline",
        choices=[
            ("overdue", gettext_lazy("Overdue")),
            ("escalated", gettext_lazy("Escalated to manager")),
        ],
    )
    who = django_filters.ChoiceFilter(
        label=gettext_lazy("Whose"),
        method="by_person",
        choices=[("mine", gettext_lazy("Mine to do")), ("made", gettext_lazy("Made by me"))],
    )
    unit = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Unit"), queryset=lambda request: units_of(request)
    )
    due_from = django_filters.DateFilter(
        label=gettext_lazy("Due from"), field_name="due", lookup_expr="gte", widget=DateInput
    )
    due_to = django_filters.DateFilter(
        label=gettext_lazy("Due until"), field_name="due", lookup_expr="lte", widget=DateInput
    )

    def by_person(self, rows: Any, name: str, value: str) -> QuerySet[Any]:
        if value == "made":
            return rows.filter(created_by=self.request.actor.user)  # type: ignore[no-any-return]
        return rows.mine(self.request.actor)  # type: ignore[no-any-return]

    def by_deadline(self, rows: Any, name: str, value: str) -> QuerySet[Any]:
        if value == "escalated":
            return rows.open().filter(escalated_at__isnull=False)  # type: ignore[no-any-return]
        return rows.overdue()  # type: ignore[no-any-return]


class TaskList(ListPage):
    key = "tasks"
    title = gettext_lazy("Tasks of my authority")
    filterset_class = TaskFilter
    default_sort = "due"
    columns = (
        Column("title", gettext_lazy("Task"), shown_title),
        Column("due", gettext_lazy("Due"), lambda t: t.due, sort=("due",)),
        Column("who", gettext_lazy("Who"), shown_who),
        Column("state", gettext_lazy("State"), lambda t: t.get_state_display(), cell=shown_state,
               sort=("state",),
               sub=lambda t: _("Escalated to manager") if t.is_open and t.escalated_at else ""),
        Column("created", gettext_lazy("Made"), lambda t: t.created_at, sort=("created_at",),
               default=False),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("worklist:task_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Task.objects.visible_to(self.actor).select_related("assignee", "unit")

    def actions(self) -> list[dict[str, Any]]:
        buttons: list[dict[str, Any]] = []
        if self.actor.has_role(Role.ADMINISTRATOR):
            buttons.append(
                {"url": reverse("worklist:digest_list"), "label": _("Daily mails"), "icon": "send"}
            )
        buttons.append(
            {"url": reverse("worklist:task_create"), "label": _("New task"), "icon": "plus",
             "primary": True}
        )  # fmt: skip
        return buttons

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s task", "%(count)s tasks", count)


task_list = require_GET(acting()(TaskList.as_view()))


@acting()
def task_create(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    form = TaskForm(request.POST or None, actor=actor)
    if request.method == "POST" and form.is_valid():
        try:
            create_task(actor=actor, **form.cleaned_data)
        except RuleViolation as error:
            add_error(form, error)
        else:
            messages.success(request, _("The task was made."))
            return redirect("worklist:task_list")
    context = {
        "title": _("New task"), "submit_label": _("Make the task"), "draft": "task",
        "back_url": reverse("worklist:task_list"), "back_label": _("Tasks of my authority"),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@require_GET
@acting()
def task_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    task = get_object_or_404(
        Task.objects.visible_to(actor).select_related("assignee", "unit", "done_by", "created_by"),
        public_id=public_id,
    )
    labels = {
        "start": _("Start"), "wait": _("Waiting for others"), "done": _("Mark as done"),
        "reopen": _("Reopen"), "cancel": _("Cancel the task"),
    }  # fmt: skip
    arrows = [{"key": key, "label": labels[key]} for key in arrows_for(actor, task)]
    due = date_format(task.due, "SHORT_DATE_FORMAT") if task.due else _("no deadline")
    maker = task.created_by.full_name if task.created_by else _("Tarkka itself")
    facts = [
        {"label": _("Due"), "value": due},
        {"label": _("Who"), "value": shown_who(task)},
        {"label": _("Made by"), "value": maker},
    ]
    if task.done_by:
        facts.append({"label": _("Done by"), "value": task.done_by.full_name})
    if task.is_open and task.escalated_at:
        day = date_format(timezone.localtime(task.escalated_at), "SHORT_DATE_FORMAT")
        facts.append({"label": _("Escalated to manager"), "value": day})
    context = {
        "task": task, "title": shown_title(task), "badge": shown_state(task), "facts": facts,
        "arrows": arrows, "visible_to": actor.authority.name, "tabs": [],
        "undo": offered_undo(request),
    }  # fmt: skip
    return render(request, "worklist/task.html", context)


@require_POST
@acting()
def task_move(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take one step with a task, or undo the one just taken; then back to where one was."""
    actor = request.actor  # type: ignore[attr-defined]
    task = get_object_or_404(
        Task.objects.visible_to(actor).select_related("assignee", "unit"), public_id=public_id
    )
    arrow = request.POST.get("arrow", "")
    if arrow == "undo":
        undo_change(
            actor=actor, task=task,
            reached=request.POST.get("reached", ""), before=request.POST.get("before", ""),
        )  # fmt: skip
        messages.success(request, _("The change was undone."))
    elif arrow in ARROWS:
        changed = change_state(actor=actor, task=task, arrow=arrow)
        if changed.state != task.state:
            request.session[UNDO] = {
                "public_id": str(task.public_id),
                "title": shown_title(task),
                "state": changed.state,
                "before": task.state,
            }
    else:
        raise RuleViolation(_("That step does not exist for tasks."))
    if request.POST.get("next", "") == "my-work":
        return redirect("worklist:my_work")
    return redirect("worklist:task_detail", public_id=public_id)


def shown_reading(notification: Notification) -> Any:
    if notification.read_at:
        return badge("done", _("Read"))
    return badge("waiting", _("New"))


class NotificationFilter(FilterSet):
    read = django_filters.ChoiceFilter(
        label=gettext_lazy("State"),
        method="by_reading",
        choices=[("new", gettext_lazy("New")), ("read", gettext_lazy("Read"))],
    )

    def by_reading(self, rows: Any, name: str, value: str) -> QuerySet[Any]:
        return rows.filter(read_at__isnull=value == "new")  # type: ignore[no-any-return]


class NotificationList(ListPage):
    key = "inbox"
    title = gettext_lazy("Notifications")
    exportable = False
    filterset_class = NotificationFilter
    empty_title = gettext_lazy("No notifications")
    default_sort = "-when"
    columns = (
        Column("what", gettext_lazy("What"), lambda n: sentence_for(n.kind, n.params)[0],
               sub=lambda n: sentence_for(n.kind, n.params)[1]),
        Column("when", gettext_lazy("When"), lambda n: n.created_at, sort=("created_at",)),
        Column("read", gettext_lazy("State"),
               lambda n: _("Read") if n.read_at else _("New"),
               cell=shown_reading),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("worklist:notification_open", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Notification.objects.visible_to(self.actor)

    template = "worklist/inbox.html"

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s notification", "%(count)s notifications", count)


inbox = require_GET(acting()(NotificationList.as_view()))


@require_POST
@acting()
def read_all(request: HttpRequest) -> HttpResponse:
    mark_read(actor=request.actor)  # type: ignore[attr-defined]
    return redirect("worklist:inbox")


@acting()
def notification_open(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show one notification; a button marks it as read and goes to what it is about."""
    actor = request.actor  # type: ignore[attr-defined]
    notification = get_object_or_404(Notification.objects.visible_to(actor), public_id=public_id)
    if request.method == "POST":
        mark_read(actor=actor, public_id=public_id)
        return redirect(notification.url or "worklist:inbox")
    sentence, reason = sentence_for(notification.kind, notification.params)
    context = {"notification": notification, "sentence": sentence, "reason": reason}
    return render(request, "worklist/notification.html", context)


class DigestFilter(FilterSet):
    state = django_filters.MultipleChoiceFilter(
        label=gettext_lazy("State"),
        choices=[(s.value, s.label) for s in DigestState if s in ("retry", "failed", "unknown")],
    )
    day_from = django_filters.DateFilter(
        label=gettext_lazy("Date from"), field_name="day", lookup_expr="gte", widget=DateInput
    )
    day_until = django_filters.DateFilter(
        label=gettext_lazy("Date until"), field_name="day", lookup_expr="lte", widget=DateInput
    )


class DigestList(ListPage):
    key = "mails"
    title = gettext_lazy("Daily mails that need a look")
    intro = gettext_lazy(
        "Mails that the server refused, or that may or may not have gone out because the sender "
        "was stopped in the middle. What they had to say comes with the person’s next mail; if it "
        "is urgent, tell the person to look at their work list."
    )
    empty_title = gettext_lazy("All mails went out")
    default_sort = "-day"
    exportable = False
    template = "worklist/digests.html"
    filterset_class = DigestFilter
    columns = (
        Column("who", gettext_lazy("Name"), lambda d: d.recipient.full_name,
               sub=lambda d: d.recipient.email, sort=("recipient__last_name",)),
        Column("day", gettext_lazy("Date"), lambda d: d.day, sort=("day",)),
        Column("state", gettext_lazy("State"), lambda d: d.get_state_display(),
               cell=lambda d: badge(d.state, d.get_state_display()), sort=("state",)),
        Column("attempts", gettext_lazy("Attempts"), lambda d: d.attempts, numeric=True),
        Column("next", gettext_lazy("Next attempt"), lambda d: d.next_attempt_at),
        Column("error", gettext_lazy("What the server said"), lambda d: d.error),
    )  # fmt: skip

    def queryset(self) -> QuerySet[Any]:
        return Digest.objects.visible_to(self.actor).troubled().select_related("recipient")

    def extra_context(self) -> dict[str, Any]:
        return {"mail_trouble": Heartbeat.objects.filter(name=MAIL).exclude(error="").first()}

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s mail", "%(count)s mails", count)


digest_list = require_GET(acting(Role.ADMINISTRATOR)(DigestList.as_view()))


@require_GET
@transaction.non_atomic_requests
def health(request: HttpRequest) -> JsonResponse:
    """For the operators' monitoring, without signing in: does everything answer and work?

    200 when the database and the cache answer and the last sweep is young; else 503. Nothing in it
    tells of people or work.
    """
    database, last = _database_state()
    cached = _cache_answers()
    age = None if last is None else round((timezone.now() - last.at).total_seconds())
    swept = age is not None and age < SWEEP_TOO_OLD_SECONDS
    healthy = database and cached and swept
    answer = {
        "healthy": healthy,
        "database": database,
        "redis": cached,
        "sweep": swept,
        "seconds_since_sweep": age,
    }
    return JsonResponse(answer, status=200 if healthy else 503)


def _database_state() -> tuple[bool, Heartbeat | None]:
    try:
        return True, Heartbeat.objects.filter(name=SWEEP).first()
    except DatabaseError:
        connection.close()
        return False, None


def _cache_answers() -> bool:
    try:
        cache.get("health")
    except RedisError:
        return False
    return True
