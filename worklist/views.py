"""My work, tasks, the inbox, and the health of the machinery."""

import datetime as dt
from typing import Any

import django_filters
from django.contrib import messages
from django.core.cache import cache
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError, RuleViolation
from authorities.access import acting
from authorities.models import Role
from ui.forms import add_error, form_response
from ui.lists import Column, ListPage
from ui.templatetags.ui import badge
from worklist.forms import TaskForm
from worklist.jobs import LAST_SWEEP
from worklist.kinds import sentence_for, title_for
from worklist.models import Digest, Notification, Task, TaskState
from worklist.services import change_state, create_task, mark_read
from worklist.services.tasks import ARROWS, may_change


def shown_title(task: Task) -> str:
    return title_for(task.kind, task.params, task.title)


def shown_state(task: Task) -> Any:
    if task.state in ("not_started", "in_progress", "waiting") and (
        task.due and task.due < timezone.localdate()
    ):
        return badge("overdue", _("Overdue"))
    return badge(task.state, task.get_state_display())


@require_GET
@acting()
def home(request: HttpRequest) -> HttpResponse:
    return redirect("worklist:my_work")


@require_GET
@acting()
def my_work(request: HttpRequest) -> HttpResponse:
    """What this person can do in the acting membership, grouped. One query for the tasks."""
    actor = request.actor  # type: ignore[attr-defined]
    today = timezone.localdate()
    soon = today + dt.timedelta(days=14)
    tasks = list(Task.objects.mine(actor).order_by("due", "id")[:200])
    entries = [
        {"task": task, "title": shown_title(task), "badge": shown_state(task),
         "overdue": bool(task.due and task.due < today)}
        for task in tasks
    ]  # fmt: skip
    waiting = [e for e in entries if e["task"].state == TaskState.WAITING]
    now = [
        e for e in entries
        if e not in waiting and (e["task"].due is None or e["task"].due <= soon)
    ]  # fmt: skip
    later = [e for e in entries if e not in waiting and e not in now]
    groups = [
        {"key": "now", "label": _("Needs my action"), "entries": now},
        {"key": "waiting", "label": _("Waiting for others"), "entries": waiting},
        {"key": "later", "label": _("Coming up"), "entries": later},
    ]
    return render(request, "worklist/my_work.html", {"groups": groups, "any": bool(entries)})


class TaskFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(
        label=gettext_lazy("State"), choices=TaskState.choices
    )
    overdue = django_filters.ChoiceFilter(
        label=gettext_lazy("Deadline"),
        method="by_deadline",
        choices=[
            ("overdue", gettext_lazy("Overdue")),
            ("escalated", gettext_lazy("Escalated to manager")),
        ],
    )
    due = django_filters.DateFromToRangeFilter(label=gettext_lazy("Due between"))

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
        Column("who", gettext_lazy("Who"),
               lambda t: t.assignee.full_name if t.assignee else t.unit.name),
        Column("state", gettext_lazy("State"), lambda t: t.get_state_display(), cell=shown_state,
               sort=("state",)),
        Column("created", gettext_lazy("Made"), lambda t: t.created_at, sort=("created_at",),
               default=False),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("worklist:task_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Task.objects.visible_to(self.actor).select_related("assignee", "unit")

    def actions(self) -> list[dict[str, Any]]:
        return [{"url": reverse("worklist:task_create"), "label": _("New task"), "icon": "plus",
                 "primary": True}]  # fmt: skip

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
    arrows = [
        {"key": key, "label": labels[key]}
        for key, (sources, _target) in ARROWS.items()
        if task.state in sources and may_change(actor, task)
    ]
    facts = [
        {"label": _("Due"), "value": date_format(task.due, "SHORT_DATE_FORMAT") if task.due else ""},
        {"label": _("Who"), "value": task.assignee.full_name if task.assignee else task.unit.name},
        {"label": _("Role in the unit"), "value": dict(Role.choices).get(task.role, "")},
        {"label": _("Done by"), "value": task.done_by.full_name if task.done_by else ""},
    ]
    context = {
        "task": task, "title": shown_title(task), "badge": shown_state(task), "facts": facts,
        "arrows": arrows, "visible_to": actor.authority.name, "tabs": [],
    }  # fmt: skip
    return render(request, "worklist/task.html", context)


@require_POST
@acting()
def task_move(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    task = get_object_or_404(Task.objects.visible_to(actor), public_id=public_id)
    arrow = request.POST.get("arrow", "")
    if arrow not in ARROWS:
        raise RuleViolation(_("That step does not exist for tasks."))
    try:
        change_state(actor=actor, task=task, arrow=arrow)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The task was changed. It can be reopened on its page."))
    back = request.POST.get("next", "")
    if back == "my-work":
        return redirect("worklist:my_work")
    return redirect("worklist:task_detail", public_id=public_id)


class NotificationList(ListPage):
    key = "inbox"
    title = gettext_lazy("Notifications")
    exportable = False
    default_sort = "-when"
    columns = (
        Column("what", gettext_lazy("What"), lambda n: sentence_for(n.kind, n.params)[0],
               sub=lambda n: sentence_for(n.kind, n.params)[1]),
        Column("when", gettext_lazy("When"), lambda n: n.created_at, sort=("created_at",)),
        Column("read", gettext_lazy("State"),
               lambda n: _("Read") if n.read_at else _("New"),
               cell=lambda n: badge("done", _("Read")) if n.read_at else badge("waiting", _("New"))),
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


class DigestList(ListPage):
    key = "mails"
    title = gettext_lazy("Daily mails that need a look")
    intro = gettext_lazy(
        "Mails that the server refused, or that may or may not have gone out because the sender "
        "was stopped in the middle. Tell the person to look at their work list."
    )
    default_sort = "-day"
    exportable = False
    columns = (
        Column("who", gettext_lazy("Name"), lambda d: d.recipient.full_name,
               sort=("recipient__last_name",)),
        Column("day", gettext_lazy("Date"), lambda d: d.day, sort=("day",)),
        Column("state", gettext_lazy("State"), lambda d: d.get_state_display(),
               cell=lambda d: badge(d.state, d.get_state_display()), sort=("state",)),
        Column("error", gettext_lazy("What the server said"), lambda d: d.error),
    )  # fmt: skip

    def queryset(self) -> QuerySet[Any]:
        return (
            Digest.objects.filter(
                state__in=["failed", "unknown"],
                recipient__memberships__authority=self.actor.authority,
            )
            .select_related("recipient")
            .distinct()
        )


digest_list = require_GET(acting(Role.ADMINISTRATOR)(DigestList.as_view()))


@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """For the operators' monitoring: does everything answer, and when was the last sweep."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    last = cache.get(LAST_SWEEP)
    age = None if last is None else round(timezone.now().timestamp() - last)
    healthy = age is not None and age < 300
    return JsonResponse(
        {"database": True, "cache": True, "seconds_since_sweep": age, "healthy": healthy},
        status=200 if healthy else 503,
    )
