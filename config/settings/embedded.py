"""Running on one machine with the services that ``make run`` starts. Not for production."""

import secrets

from config import env
from config.settings.base import *
from config.settings.base import SECRET_KEY, VAR_DIR


def _kept_secret() -> str:
    """A random secret, made once and kept beside the data."""
    file = VAR_DIR / "secret-key"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(secrets.token_urlsafe(60), encoding="ascii")
        file.chmod(0o600)
    return file.read_text(encoding="ascii").strip()


SECRET_KEY = SECRET_KEY or _kept_secret()
# The people of the demonstration have no second factor.
SIGN_WITH_MFA = env.flag("SIGN_WITH_MFA", False)
