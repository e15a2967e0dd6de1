"""Filters of lists: a page makes only those fields that it needs.

A form of twenty filters, copied and made anew for every page, was a fifth of a list page's processor
time; most pages ask one filter or none, and how the others look has been kept (``ListPage``).
"""

import copy
from collections import OrderedDict
from functools import cache
from typing import Any

import django_filters
from django import forms


class _Declared(OrderedDict):  # type: ignore[type-arg]
    """Filters as a class declares them; each filterset takes copies that it may change."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "OrderedDict[str, Any]":
        return OrderedDict((name, _copied(declared)) for name, declared in self.items())


def _copied(declared: Any) -> Any:
    """What a filter is given is shared, but not the dictionary of it nor its bound method."""
    one = copy.copy(declared)
    one.extra = dict(declared.extra)
    if declared.method is not None:
        one.__dict__.pop("filter", None)
        one.method = declared.method  # bound to the copy
    return one


class FilterSet(django_filters.FilterSet):
    """``form`` holds the filters that the address names; ``whole_form`` every one, to be shown."""

    @classmethod
    def get_filters(cls) -> "OrderedDict[str, Any]":
        return _Declared(super().get_filters())

    def get_form_class(self) -> type[forms.Form]:
        return self._form_class([name for name in self.filters if self._is_asked(name)])

    @property
    def whole_form(self) -> forms.Form:
        form = self._form_class(list(self.filters))
        return form(self.data, prefix=self.form_prefix) if self.is_bound else form()

    def note(self) -> str:
        """What the reader must know of how the filters were read, where rows are shown by them."""
        return ""

    def choices_apart(self) -> tuple[Any, ...]:
        """Of the filters whose choices are not the same for everybody: name and choices.

        A tree has a mark that stands for its choices.
        """
        return tuple(
            (name, getattr(one.extra.get("widget"), "mark", "")
             or tuple((str(value), str(words)) for value, words in one.field.choices))
            for name, one in self.filters.items() if self._is_apart(name)
        )  # fmt: skip

    def _form_class(self, names: list[str]) -> type[forms.Form]:
        fields = {name: self.filters[name].field for name in names}
        return type(f"{type(self).__name__}Form", (self._meta.form,), fields)

    def _is_asked(self, name: str) -> bool:
        """Also by a part of it, as of a range."""
        return bool(self.filters[name].extra["required"]) or any(
            key == name or key.startswith(f"{name}_") for key in self.data
        )

    def _is_apart(self, name: str) -> bool:
        given = self.filters[name].extra
        declared = self.base_filters.get(name)
        if declared is None or given.get("choices") is not declared.extra.get("choices"):
            return "choices" in given
        return "queryset" in given or callable(given.get("choices"))


def once(make: Any) -> Any:
    """Choices that are asked for when first needed, and then not again."""
    return cache(lambda: tuple(make()))
