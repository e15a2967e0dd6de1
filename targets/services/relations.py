"""Which columns name a row of a table, in every room; also where the models give no way back."""

from collections.abc import Iterator

from django.db import models
from django.db.models import ForeignObjectRel


def relations_to(model: type[models.Model]) -> Iterator[ForeignObjectRel]:
    """Relations whose rows name a row of ``model``, those hidden by ``related_name="+"`` included.

    Not those of tables that Django does not manage: scores are of a day and are computed anew.
    """
    for relation in model._meta.get_fields(include_hidden=True):
        if not relation.auto_created or relation.concrete or relation.many_to_many:
            continue  # the rows of a many-to-many table come as a relation of their own
        assert isinstance(relation, ForeignObjectRel)
        meta = relation.related_model._meta
        if meta.managed and not meta.proxy:
            yield relation
