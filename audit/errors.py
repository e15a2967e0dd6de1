"""Errors of the domain, raised by services and translated once at the edge (``ui.middleware``)."""

from typing import Any


class DomainError(Exception):
    """Base of what a service may refuse with; ``message`` is for the person who asked."""

    def __init__(self, message: Any, *, field: str | None = None, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code

    def __str__(self) -> str:
        return str(self.message)


class RuleViolation(DomainError):
    """What was asked breaks a rule; the message says what, where and how to mend it (422)."""


class NotAllowed(DomainError):
    """The actor sees the object but may not do this to it (403)."""


class Conflict(DomainError):
    """Somebody else was first; the message says who and what holds now (409)."""
