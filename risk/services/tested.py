"""The one door from pages and services to the engine and the learning library.

Everything that counts, fits or tests is asked for here, so that what the two give is turned into
plain dicts in one place. Shapes of results: ``docs/risk.md``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from risk.models import IndicatorVersion


def forms() -> dict[str, Any]:
    """Which measures and fields a definition has, by source."""
    from risk.engine import definitions

    return definitions.FORMS


def definition_problems(source: str, definition: dict[str, Any], *, shared: bool) -> list[str]:
    """What is wrong with the definition of a value, in words."""
    from risk.engine import definitions

    return [str(words) for words in definitions.check_of(source, definition, shared=shared)]


def forbidden(definition: Any) -> list[str]:
    """What of a definition is never used, in words. Looks at every key and value."""
    from risk.engine import definitions

    found = {
        never.code: never.name
        for word in _words(definition)
        if word not in definitions.OWN_WORDS and (never := definitions.forbidden(word)) is not None
    }
    return list(found.values())


def never_inputs() -> list[dict[str, str]]:
    """What no score ever uses, for the public method: names in every language."""
    from risk.engine import definitions

    return [dict(never.names) for never in definitions.never_inputs()]


def never_words() -> list[str]:
    """What no score ever uses, in the reader's language."""
    from risk.engine import definitions

    return [never.name for never in definitions.never_inputs()]


def gives_text(source: str, definition: dict[str, Any]) -> bool | None:
    """Whether the value is a text; None when it may be either."""
    form = forms()[source]
    measure = definition.get("measure")
    return None if measure in form.either else measure in form.texts


def _words(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [w for key, inner in value.items() for w in (str(key), *_words(inner))]
    if isinstance(value, list | tuple):
        return [w for inner in value for w in _words(inner)]
    return [value] if isinstance(value, str) else []


def preview(version: "IndicatorVersion", as_of: Any, sample: int) -> Any:
    """Distribution, coverage and examples of a version on a sample of sites."""
    from risk.engine import values

    return values.preview(version, as_of, sample)
