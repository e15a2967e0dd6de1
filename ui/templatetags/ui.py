"""Components: icons, badges, risk, links that keep the address's state."""

from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()

STATE_STYLE: dict[str, tuple[str, str]] = {
    # state value: (colour class, icon)
    "draft": ("neutral", "edit"), "inviting": ("info", "send"), "nominating": ("info", "flag"),
    "selecting": ("info", "operations"), "signing": ("warn", "wait"), "scheduled": ("ok", "calendar"),
    "executing": ("info", "play"), "feedback": ("info", "message"), "closed": ("ok", "check"),
    "cancelled": ("neutral", "close"), "invited": ("warn", "wait"), "accepted": ("ok", "check"),
    "declined": ("bad", "close"), "withdrawn": ("neutral", "dash"), "picked": ("ok", "check"),
    "dropped": ("neutral", "dash"), "active": ("ok", "check"), "ceased": ("neutral", "stop"),
    "bankrupt": ("bad", "bad"), "liquidation": ("warn", "warn"), "restructuring": ("warn", "warn"),
    "unknown": ("neutral", "info"), "planned": ("neutral", "clock"), "started": ("info", "play"),
    "ended": ("ok", "check"), "not_possible": ("warn", "warn"), "open": ("info", "clock"),
    "in_progress": ("info", "play"), "submitted": ("ok", "check"), "no_remarks": ("ok", "check"),
    "remarks": ("warn", "warn"), "minor": ("warn", "warn"), "moderate": ("warn", "warn"),
    "serious": ("bad", "warn"), "severe": ("bad", "bad"), "critical": ("bad", "bad"),
    "not_visited": ("neutral", "dash"), "queued": ("neutral", "wait"), "running": ("info", "play"),
    "done": ("ok", "check"), "failed": ("bad", "bad"), "not_started": ("neutral", "clock"),
    "waiting": ("warn", "wait"), "overdue": ("bad", "warn"), "ok": ("ok", "check"),
    "not_ok": ("bad", "bad"), "sent": ("ok", "check"), "claimed": ("info", "play"),
    "sending": ("info", "send"), "must_give": ("ok", "check"), "may_give": ("ok", "check"),
    "on_request": ("info", "message"), "may_not": ("bad", "close"), "published": ("ok", "check"),
    "rejected": ("bad", "close"), "expired": ("neutral", "clock"), "answered": ("ok", "check"),
    "refused": ("bad", "close"), "offered": ("warn", "wait"), "lapsed": ("bad", "warn"),
    "postponed": ("warn", "clock"), "new": ("neutral", "clock"), "reading": ("info", "play"),
    "ready": ("ok", "check"), "checking": ("neutral", "wait"), "available": ("ok", "check"),
    "not_available": ("neutral", "dash"), "conditional": ("warn", "warn"),
    "released": ("neutral", "check"), "merged": ("ok", "check"), "tested": ("info", "check"),
    "audited": ("info", "check"), "blocked": ("bad", "bad"), "approved": ("ok", "check"),
    "retired": ("neutral", "dash"), "consent": ("ok", "check"), "veto": ("bad", "close"),
}  # fmt: skip


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite; without ``label`` it is decoration and hidden from readers."""
    if not label:
        return _decoration(name)
    href = f"{static('icons.svg')}#{name}"
    return format_html(
        '<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, href
    )


@lru_cache(maxsize=500)
def _decoration(name: str) -> SafeString:
    """Some sixty on a page, of a few kinds."""
    href = f"{static('icons.svg')}#{name}"
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', href
    )


@register.simple_tag
def badge(state: str, text: Any) -> SafeString:
    """A status: icon, word and colour."""
    style, symbol = STATE_STYLE.get(state, ("neutral", "info"))
    return format_html('<span class="badge {}">{}{}</span>', style, icon(symbol), text)


@register.simple_tag
def state_badge(obj: Any, field: str = "state") -> SafeString:
    """Badge of a choice field, with its translated word."""
    return badge(getattr(obj, field), getattr(obj, f"get_{field}_display")())


def risk_level(points: float) -> tuple[int, str]:
    """Class 1..4 and its word for points of 0..100."""
    if points >= 75:
        return 4, _("Very high")
    if points >= 50:
        return 3, _("High")
    if points >= 25:
        return 2, _("Medium")
    return 1, _("Low")


@register.simple_tag
def risk(points: Any) -> SafeString:
    """Risk as word, number and bar; ``None`` reads as not known, never as low."""
    if points is None:
        return format_html('<span class="muted">{}</span>', _("Not known"))
    value = max(0.0, min(100.0, float(points)))
    level, word = risk_level(value)
    return format_html(
        '<span class="risk r{}"><span>{}</span><span>{}</span>'
        '<svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="6" rx="3"></rect>'
        '<rect class="fill" width="{}" height="6" rx="3"></rect></svg></span>',
        level, word, round(value), round(value),
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def address_with(context: template.Context, **changes: Any) -> str:
    """The present address with some of its parameters changed (None removes one)."""
    query = context["request"].GET.copy()
    for name in ("page", "after", "before"):
        query.pop(name, None)
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = str(value)
    encoded = query.urlencode()
    return f"?{encoded}" if encoded else "?"


@register.filter
def attr(obj: Any, name: str) -> Any:
    return getattr(obj, name)


@register.filter
def lookup(mapping: Any, key: Any) -> Any:
    return mapping.get(key, "")


@register.inclusion_tag("components/bars.html")
def bars(title: str, rows: list[dict[str, Any]], unit: str = "") -> dict[str, Any]:
    """Horizontal bars with the same numbers as a table.

    ``rows``: ``{"label", "value", "url" (optional), "style" (optional 1..3)}``.
    """
    top = max((row["value"] for row in rows), default=0) or 1
    drawn = [
        {
            **row,
            "y": 4 + index * 34,
            "text_y": 22 + index * 34,
            "width": round(row["value"] / top * 200),
            "number_x": 176 + round(row["value"] / top * 200),
            "style": row.get("style", 1),
            "url": row.get("url", ""),
        }
        for index, row in enumerate(rows)
    ]
    return {"title": title, "rows": drawn, "height": 8 + len(rows) * 34, "unit": unit}
