"""The one place where the environment is read. Everything else imports ``env`` from here."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent


class UnsafeSetting(Exception):
    """A setting that production must not run with; the message names it and how to mend it."""


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def required(name: str, why: str) -> str:
    value = text(name)
    if not value:
        raise UnsafeSetting(f"{name} is not set. {why}")
    return value


def integer(name: str, default: int) -> int:
    raw = text(name)
    if not raw:
        return default
    try:
        return int(raw)
    except ValueError:
        raise UnsafeSetting(f"{name} must be a whole number, but is {raw!r}.") from None


def flag(name: str, default: bool = False) -> bool:
    raw = text(name).lower()
    if not raw:
        return default
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise UnsafeSetting(f"{name} must be true or false, but is {raw!r}.")


def words(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def origins(address: str) -> list[str]:
    """The origin that ``address`` leads to, for the content security policy; none without one."""
    if not address:
        return []
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc or "{" in parts.netloc:
        raise UnsafeSetting(f"MAP_TILES must be one whole address, but is {address!r}.")
    return [f"{parts.scheme}://{parts.netloc}"]


def database(url: str) -> dict[str, object]:
    """Django's database settings from ``postgresql://user:password@host:port/name?option=value``."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise UnsafeSetting(
            f"A database address must start with postgresql://, but is {parts.scheme or url!r}."
        )
    query = dict(parse_qsl(parts.query))
    host = query.pop("host", None) or unquote(parts.hostname or "")
    return {
        "ENGINE": "audit.db",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": dict(query),
    }
