"""``{% source_of row.source %}``: the register that said it, as the reader may know it."""

from typing import Any

from django import template

from targets.source_words import shown_source

register = template.Library()


@register.simple_tag(takes_context=True)
def source_of(context: dict[str, Any], source: str) -> str:
    return shown_source(source, context["request"].actor)
