"""Words of tasks and notifications hold in every language, also for old or odd rows."""

import ast
import re
from pathlib import Path

import pytest
from django.utils import translation

from config.env import BASE_DIR
from worklist import kinds


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
@pytest.mark.parametrize("params", [{}, None, {"operation": None, "stray": 1}])
def test_no_registered_kind_needs_its_values(language, params):
    with translation.override(language):
        for kind in kinds.registered():
            assert kinds.title_for(kind, params)
            assert kinds.neutral_for(kind)
            sentence, reason = kinds.sentence_for(kind, params)
            assert sentence
            assert isinstance(reason, str)


def test_neutral_words_hold_no_placeholder():
    for kind in kinds.registered():
        assert "%" not in kinds.neutral_for(kind)


def test_words_use_named_placeholders_only():
    for first, _second in kinds.registered().values():
        assert re.sub(r"%\(\w+\)s", "", str(first)).count("%") == 0


def test_unknown_kinds_have_neutral_words():
    with translation.override("en"):
        assert kinds.title_for("gone.long_ago", {}) == "Task"
        assert kinds.neutral_for("gone.long_ago") == "Task"
        assert kinds.sentence_for("gone.long_ago", {}) == ("Something has changed.", "")


def test_a_missing_value_reads_as_a_dash():
    with translation.override("en"):
        assert kinds.title_for("planning.answer", {}) == "Answer the invitation to –"


@pytest.mark.parametrize(
    ("language", "name"), [("fi", "Poliisi"), ("sv", "Polisen"), ("en", "Poliisi")]
)
def test_names_in_several_languages_follow_the_reader(language, name):
    params = {"authority_fi": "Poliisi", "authority_sv": "Polisen", "authority_en": ""}
    with translation.override(language):
        assert name in kinds.sentence_for("task.escalated", params)[0]


def kinds_in(file: Path) -> set[str]:
    """Kinds that calls of ``ensure_task`` and ``notify`` in a source file name."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"ensure_task", "notify"}:
            for keyword in node.keywords:
                if keyword.arg == "kind" and isinstance(keyword.value, ast.Constant):
                    found.add(keyword.value.value)
    return found


def test_every_kind_that_is_used_has_words():
    rooms = ("worklist", "targets", "planning", "execution", "feedback")
    used = {k for room in rooms for file in (BASE_DIR / room).rglob("*.py") for k in kinds_in(file)}
    assert {"planning.sign", "execution.day", "task.escalated"} <= used
    assert used - kinds.registered().keys() == set()
