"""The Celery application. Jobs live in each room's ``jobs`` module; beat runs in UTC."""

import os

from celery import Celery
from celery.signals import worker_process_init

from config.memory import settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.embedded")

app = Celery("tarkka")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")
worker_process_init.connect(lambda **_: settle(), weak=False)
