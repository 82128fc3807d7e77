"""Django's settings of the console. Everything that differs between machines comes from the environment (places.py).

`DBFLEET_CONSOLE_ROLE` says which process this is. The command line (`desk`) and the worker need the models alone, so
what serves pages is installed in `web` and where migrations are applied.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from dbfleet.console import places as _places

ROLE = os.environ.get("DBFLEET_CONSOLE_ROLE", "desk")
PLACES = _places.read()

_SERVES = ROLE in ("web", "migrate")
_ADDRESS = urlsplit(PLACES.url)

SECRET_KEY = PLACES.key or "only web signs anything"
DEBUG = False
ALLOWED_HOSTS = [_ADDRESS.hostname or "localhost", "localhost", "127.0.0.1", "[::1]", "web"]
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"
ROOT_URLCONF = "dbfleet.console.urls"
WSGI_APPLICATION = "dbfleet.console.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django_celery_beat",
    "dbfleet.console",
]

DATABASES: dict[str, Any] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": PLACES.control.database or "dbfleet",
        "USER": PLACES.control.user,
        "PASSWORD": PLACES.control.password,
        "HOST": PLACES.control.host,
        "PORT": PLACES.control.port,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # Without a limit a page would hang for minutes on a server that is gone.
        "OPTIONS": {"connect_timeout": 5, "application_name": f"dbfleet-{ROLE}"},
    }
}

CELERY_BROKER_URL = PLACES.broker
DJANGO_CELERY_BEAT_TZ_AWARE = True
