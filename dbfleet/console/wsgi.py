"""The application as a WSGI server loads it: uWSGI, or gunicorn `dbfleet.console.wsgi`."""

from __future__ import annotations

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "dbfleet.console.settings"
os.environ.setdefault("DBFLEET_CONSOLE_ROLE", "web")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
