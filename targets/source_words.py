"""How the register that said something is named, and to whom.

A list with running numbers of its own (``own`` in its mapping) is a source ``name:CODE``. What an
authority lists is its own matter: its code and name are for its own people (after it has ended for those of
the authorities that carry on its affairs), to others it reads as a list of some authority, and they
can neither filter by it nor find out that it is there.
"""

from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from authorities.actors import Actor

LENGTH = 40  # of a source in the register


def own_list(code: str, authority: str) -> str:
    """The source of an authority's own list; the name gives way where both are long."""
    return f"{code[: LENGTH - 1 - len(authority)]}:{authority}"[:LENGTH]


def is_anothers(source: str, actor: "Actor") -> bool:
    """Asks what has come to the acting authority from others only of lists that are not its own."""
    _name, colon, code = source.rpartition(":")
    return bool(colon) and code != actor.authority.code and code not in actor.former_codes


def shown_source(source: str, actor: "Actor") -> str:
    return _("a list of an authority") if is_anothers(source, actor) else source


def anothers(actor: "Actor", field: str = "source") -> Q:
    """Rows of lists that are another authority's."""
    mine = Q()
    for code in sorted({actor.authority.code, *actor.former_codes}):
        mine |= Q(**{f"{field}__endswith": f":{code}"})
    return Q(**{f"{field}__contains": ":"}) & ~mine
