"""Production: refuses to start with an unsafe default and says which setting to mend."""

from config import env
from config.env import UnsafeSetting
from config.settings.base import *
from config.settings.base import ALLOWED_HOSTS, DATABASE_OWNER_URL, DATABASE_URL, SITE_URL

SECRET_KEY = env.required(
    "SECRET_KEY", "Set it to at least 50 random characters and keep it secret."
)
if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 10:
    raise UnsafeSetting("SECRET_KEY is too short or too simple. Use at least 50 random characters.")
env.required("DATABASE_URL", "Give the address of the application's own database role.")
env.required("REDIS_URL", "Give the address of the Redis server, for example redis://host:6379/0.")
env.required("ALLOWED_HOSTS", "List the host names this installation answers to, with commas.")
if "*" in ALLOWED_HOSTS:
    raise UnsafeSetting("ALLOWED_HOSTS must name the hosts; * lets anyone use any name.")
env.required("SITE_URL", "Give the address people use, for example https://tarkka.example.")
if not SITE_URL.startswith("https://"):
    raise UnsafeSetting("SITE_URL must start with https:// in production.")
env.required("EMAIL_HOST", "Give the SMTP server that sends reminders.")
env.required("DEFAULT_FROM_EMAIL", "Give the address that mails are sent from.")
if env.flag("DEBUG"):
    raise UnsafeSetting("DEBUG must not be on in production.")
if DATABASE_OWNER_URL and (
    env.database(DATABASE_OWNER_URL)["USER"] == env.database(DATABASE_URL)["USER"]
):
    raise UnsafeSetting(
        "DATABASE_URL and DATABASE_OWNER_URL use the same role. The application must connect as "
        "a role that does not own the tables."
    )

SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", True)
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
if env.flag("BEHIND_PROXY"):
    # Only when the proxy in front always sets this header itself.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_TRUSTED_ORIGINS = [SITE_URL]
