"""Settings shared by every way of running. What differs stands in the sibling modules."""

import os
from pathlib import Path

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from config import env
from config.env import BASE_DIR

# Fits of models hold to one thread: the same bits each time, and no spinning beside other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var")))

DEBUG = False
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
SECRET_KEY = env.text("SECRET_KEY")
SITE_URL = env.text("SITE_URL", "http://localhost:8000")  # for links in mails

INSTALLED_APPS = [
    "audit",
    "ui",
    "authorities",
    "worklist",
    "targets",
    "risk",
    "planning",
    "execution",
    "feedback",
    "demo",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_filters",
    "guardian",
]

MIDDLEWARE = [
    "ui.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ui.middleware.HeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "authorities.middleware.SessionLimitsMiddleware",
    "authorities.middleware.ActingMembershipMiddleware",
    "ui.middleware.DomainErrorMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ui.context_processors.page",
            ],
        },
    }
]
FORM_RENDERER = "ui.forms.FormRenderer"

# ------------------------------------------------------------------ database and cache
DATABASE_URL = env.text("DATABASE_URL")
# The role that owns the tables and migrates; the application itself never uses it.
DATABASE_OWNER_URL = env.text("DATABASE_OWNER_URL")
REDIS_URL = env.text("REDIS_URL")

STATEMENT_TIMEOUT_MS = env.integer("STATEMENT_TIMEOUT_MS", 10_000)
LOCK_TIMEOUT_MS = env.integer("LOCK_TIMEOUT_MS", 5_000)


def database_settings(url: str, *, limits: bool = True) -> dict[str, object]:
    """Connection settings for ``url``; ``limits`` sets statement and lock time-outs."""
    settings = env.database(url)
    if limits:
        options = settings["OPTIONS"]
        assert isinstance(options, dict)
        options.setdefault(
            "options",
            f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}",
        )
    return settings | {
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": env.integer("CONN_MAX_AGE", 60),
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": database_settings(DATABASE_URL)} if DATABASE_URL else {}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "tarkka",
    }
}

# ------------------------------------------------------------------ people and sign-in
AUTH_USER_MODEL = "authorities.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
# Grants are given to groups and read through one queryset; guardian's own check is not used.
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
ANONYMOUS_USER_NAME = None
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "worklist:my_work"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "authorities.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = False
MFA_TOTP_ISSUER = "Tarkka"
MFA_ADAPTER = "allauth.mfa.adapter.DefaultMFAAdapter"
MFA_REQUIRED_ROLES = ["administrator"]
# Whether a signature needs a second factor besides being asked again who one is.
SIGN_WITH_MFA = env.flag("SIGN_WITH_MFA", True)
USERSESSIONS_TRACK_ACTIVITY = True  # by SessionLimitsMiddleware, once a minute

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "ui.views.csrf_failure"
SESSION_IDLE_SECONDS = env.integer("SESSION_IDLE_SECONDS", 30 * 60)
SESSION_ABSOLUTE_SECONDS = env.integer("SESSION_ABSOLUTE_SECONDS", 10 * 3600)
SESSION_COOKIE_AGE = SESSION_ABSOLUTE_SECONDS

# Whether anybody may read competences, grounds and the gateway's answers without signing in.
PUBLIC_POWERS = env.flag("PUBLIC_POWERS")

# ------------------------------------------------------------------ map
# Address of map tiles with {z}, {x} and {y} (XYZ or WMTS by REST). Without it the map shows the
# shapes that come with Tarkka, and nothing leaves the installation.
MAP_TILES = env.text("MAP_TILES")
MAP_TILES_SOURCE = env.text("MAP_TILES_SOURCE")  # whom the map names for them

# ------------------------------------------------------------------ looks at non-public data
PURPOSE_DAYS = env.integer("PURPOSE_DAYS", 14)  # a stated purpose covers its case for so long
# Looks in one day without task or operation from which the supervisor is told.
LOOKUPS_TO_REVIEW = env.integer("LOOKUPS_TO_REVIEW", 1)
# Record linkage: the engine Splink runs on, and what it may take of a worker (docs/identity.md).
LINKAGE_BACKEND = env.text("LINKAGE_BACKEND", "duckdb")  # or "spark"
LINKAGE_MEMORY = env.text("LINKAGE_MEMORY", "4GB")
LINKAGE_THREADS = env.integer("LINKAGE_THREADS", 2)
LINKAGE_SPARK_MASTER = env.text("LINKAGE_SPARK_MASTER", "local[*]")
# Where its workers and Spark's both reach files; the temporary folder where all are one machine.
LINKAGE_SPARK_FOLDER = env.text("LINKAGE_SPARK_FOLDER", "")
LINKAGE_SPARK_PARTITIONS = env.integer("LINKAGE_SPARK_PARTITIONS", 200)

# ------------------------------------------------------------------ keeping targets out
# Every target is checked at the end of such a period, so that waiting tells nothing.
AVAILABILITY_MINUTES = env.integer("AVAILABILITY_MINUTES", 10)
# Hashes persons named in registers; changed, the same person is no longer recognised.
PERSON_KEY = env.text("PERSON_KEY") or SECRET_KEY or "no key"
IMPORT_CONNECTIONS = env.integer("IMPORT_CONNECTIONS", 2)  # with which one import stores rows
# MB that one search may take beyond what its worker has already; a search that needs more fails in words.
SOLVER_MEMORY_MB = env.integer("SOLVER_MEMORY_MB", 2048)
SOLVER_THREADS = env.integer("SOLVER_THREADS", 2)  # cores that one search for a selection uses
# Sites that one operation may choose from, at most.
POOL_MOST = env.integer("POOL_MOST", 20_000)
# Inspector-days of a visit with preparation and report, of an authority without a risk model.
VISIT_HALF_DAYS = env.integer("VISIT_HALF_DAYS", 3)
# Whoever is in a meeting and was not heard of for so long counts as gone (pages tell every 20 s).
MEETING_SILENCE_SECONDS = env.integer("MEETING_SILENCE_SECONDS", 180)
REST_DAYS = env.integer("REST_DAYS", 30)  # between visits to one site, by whomever

# ------------------------------------------------------------------ language and time
LANGUAGE_CODE = "fi"
LANGUAGES = [("fi", _("Finnish")), ("sv", _("Swedish")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
FORMAT_MODULE_PATH = "ui.formats"
TIME_ZONE = env.text("TIME_ZONE", "Europe/Helsinki")
USE_TZ = True

# ------------------------------------------------------------------ files
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "frontend" / "built"]
# Uploaded files lie outside anything a web server serves and are handed out by views only.
MEDIA_ROOT = VAR_DIR / "files"
MEDIA_URL = ""
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
REFERENCE_DIR = BASE_DIR / "reference"

# ------------------------------------------------------------------ mail
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.integer("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS")
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "tarkka@localhost")

# A mail that was claimed and not handed over within this time is taken up again.
DIGEST_STALE_SECONDS = env.integer("DIGEST_STALE_SECONDS", 300)

# ------------------------------------------------------------------ risk
# Rows of earlier scoring runs are kept this long.
RISK_RUNS_KEPT_DAYS = env.integer("RISK_RUNS_KEPT_DAYS", 90)
# A model's sites are scored in so many parts at once, each with a connection of its own.
RISK_CONNECTIONS = env.integer("RISK_CONNECTIONS", 2)
# The hour (local) from which a new day's run may begin, and the most sites that are scored anew
# one by one; when more have changed, everything is.
RISK_RUN_HOUR = env.integer("RISK_RUN_HOUR", 2)
RISK_REFRESH_MOST = env.integer("RISK_REFRESH_MOST", 50_000)
# Others whose values follow from a visit nearby are scored anew with it, up to so many at a time;
# for more a whole run is begun, so many minutes after the last one at the earliest.
RISK_REFRESH_NEAR = env.integer("RISK_REFRESH_NEAR", 2_000)
RISK_RUN_REST_MINUTES = env.integer("RISK_RUN_REST_MINUTES", 60)
# For learning from visits brought in later: days after which their results count as known.
RISK_VISIT_LAG_DAYS = env.integer("RISK_VISIT_LAG_DAYS", 30)
# A site of which less than this per cent is known is ranked no lower than a usual one.
RISK_COVERAGE_LEAST = env.integer("RISK_COVERAGE_LEAST", 40)
# A version in use is trained anew, as a draft, after so many new results; its drift is looked at
# when the last look is older.
RISK_RETRAIN_LABELS = env.integer("RISK_RETRAIN_LABELS", 200)
RISK_DRIFT_DAYS = env.integer("RISK_DRIFT_DAYS", 30)
# Policy weights of a joint visit, per cent: worth of shared evidence, days saved by going together.
RISK_TEAM_EVIDENCE = env.integer("RISK_TEAM_EVIDENCE", 15)
RISK_TEAM_SAVES = env.integer("RISK_TEAM_SAVES", 20)

# ------------------------------------------------------------------ jobs
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
# Each is a frequent sweep over rows that are due; running one twice changes nothing.
CELERY_BEAT_SCHEDULE = {
    "link the access log": {"task": "audit.jobs.seal_access_log", "schedule": 30.0},
    "sweep reminders": {"task": "worklist.jobs.sweep_reminders", "schedule": 60.0},
    "carry out successions": {"task": "worklist.jobs.carry_out_successions", "schedule": 60.0},
    "review unusual look-ups": {"task": "worklist.jobs.review_access", "schedule": 600.0},
    "take up stalled imports": {"task": "targets.jobs.sweep_imports", "schedule": 60.0},
    "take up stalled data sets": {"task": "targets.jobs.sweep_datasets", "schedule": 60.0},
    "compare registers, carry merged rows": {
        "task": "targets.jobs.sweep_linkage",
        "schedule": 120.0,
    },
    "end and erase what has expired": {"task": "targets.jobs.sweep_clocks", "schedule": 300.0},
    "delete files without a row": {"task": "targets.jobs.sweep_orphans", "schedule": 3600.0},
    "take up stalled exports": {"task": "ui.jobs.sweep_exports", "schedule": 60.0},
    "score what changed, begin the day's run": {
        "task": "risk.jobs.sweep_scoring",
        "schedule": 30.0,
    },
    "decide availability, ask owners of holds": {
        "task": "planning.jobs.sweep_availability",
        "schedule": 60.0,
    },
    "take up tests of risk models": {"task": "risk.jobs_reports.sweep_reports", "schedule": 60.0},
    "take up runs of the solver": {"task": "planning.jobs.sweep_runs", "schedule": 60.0},
    "train risk models anew, as proposals": {
        "task": "risk.jobs_reports.sweep_proposals",
        "schedule": 600.0,
    },
    "take up plans of days": {"task": "planning.jobs.sweep_day_plans", "schedule": 60.0},
    "make missing decision records": {
        "task": "planning.jobs.sweep_decision_records",
        "schedule": 60.0,
    },
}

# ------------------------------------------------------------------ headers
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", *env.origins(MAP_TILES)],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "WARNING")},
}
