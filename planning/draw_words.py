"""How many draws the random share gives, and which limit lets no more surely fit, in words."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from planning.answers import Names
from planning.models import Draw, Operation
from planning.optimise.draw_room import CAPACITY, MINIMUM, RESOURCE, Limit


def limit_words(operation: Operation, limit: Limit) -> str:
    return _words(operation, limit.kind, limit.key)


def _words(operation: Operation, kind: str, key: str) -> str:
    names = Names.of(operation)
    if kind == CAPACITY:
        return _("inspector-days of %(pool)s") % {"pool": names.pool(key)}
    if kind == RESOURCE:
        return names.resources.get(key, key)
    if kind == MINIMUM:
        return _("at least so many visits, by all means (%(quota)s)") % {"quota": names.quota(key)}
    return _("at most so many visits (%(quota)s)") % {"quota": names.quota(key)}


def draws_words(draw: Draw) -> str:
    """What stands beside the share: the draws, and why they are fewer than it would give."""
    frozen = draw.frame if isinstance(draw.frame, dict) else {}
    count, wanted = frozen.get("draws"), frozen.get("wanted")
    if count is None:
        return ""
    words = ngettext("%(count)s visit is drawn", "%(count)s visits are drawn", count) % {
        "count": count
    }
    if not frozen.get("tight") or wanted == count:
        return words
    return _("%(words)s: the share would give %(wanted)s, more are not sure to fit (%(limit)s)") % {
        "words": words, "wanted": wanted, "limit": _words(draw.operation, *frozen["tight"]),
    }  # fmt: skip
