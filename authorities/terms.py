"""Words of the vocabularies, by code."""

from authorities.models import Term, TermKind


def labels(kind: TermKind | str) -> dict[str, str]:
    """Code → words in the reader's language, in the vocabulary's order. One query."""
    return {t.code: t.name for t in Term.objects.filter(kind=kind).order_by("order", "code")}


def choices(kind: TermKind | str, empty: str = "") -> list[tuple[str, str]]:
    """The vocabulary for a select; ``empty`` words for "none chosen" put first. One query."""
    rows = list(labels(kind).items())
    return [("", empty), *rows] if empty else rows


def label(kind: TermKind | str, code: str) -> str:
    """Words of one code; the code itself when nobody has named it. One query."""
    term = Term.objects.filter(kind=kind, code=code).first()
    return term.name if term else code
