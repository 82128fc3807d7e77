"""Django's settings of the console. Everything that differs between machines comes from the environment (places.py).

`DBFLEET_CONSOLE_ROLE` says which process this is. Only `web` serves pages. Whatever brings tables is installed in each
role but the command line's (`desk`), as worker and beat apply migrations too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dbfleet.console import places as _places

ROLE = os.environ.get("DBFLEET_CONSOLE_ROLE", "desk")
PLACES = _places.read()

_SERVES = ROLE == "web"
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

if ROLE != "desk":
    INSTALLED_APPS += [
        "allauth",
        "allauth.account",
        "allauth.socialaccount",
        "allauth.socialaccount.providers.openid_connect",
        "allauth.mfa",
    ]
if _SERVES:
    INSTALLED_APPS += ["django.contrib.messages", "django.contrib.staticfiles", "django_htmx", "ninja"]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dbfleet.console.middleware.Frame",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "dbfleet.console.access.sessions.Authentication",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dbfleet.console.middleware.Guard",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "dbfleet.console.context.page",
            ]
        },
    }
]

# Static files are served from the package, by web itself; a link holds the hash of what it links to.
STATIC_URL = "/static/"
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.AppDirectoriesFinder"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "dbfleet.console.assets.Hashed"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_IMMUTABLE_FILE_TEST = ".*"
WHITENOISE_ALLOW_ALL_ORIGINS = False

_HTTPS = _ADDRESS.scheme == "https"
_PORT = _ADDRESS.port or (443 if _HTTPS else 80)
# A browser does not tell ports apart: two fleets' consoles on one machine must not end each other's sessions.
_COOKIE = ("__Host-" if _HTTPS else "") + f"dbfleet-{_PORT}"

# Another service to log in by, and second factors: by django-allauth, each only where it is configured.
OIDC_URL, OIDC_NAME = PLACES.oidc_url, PLACES.oidc_name or "single sign-on"
OIDC_DOMAINS = PLACES.oidc_domains
TOTP = PLACES.totp
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
MFA_ADAPTER = "dbfleet.console.access.second.Adapter"
MFA_TOTP_ISSUER = "dbfleet"
MFA_TOTP_TOLERANCE = 1  # clocks may differ by half a minute
ACCOUNT_ADAPTER = "dbfleet.console.access.outside.Account"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SIGNUP_FIELDS = ["username*"]
SOCIALACCOUNT_ADAPTER = "dbfleet.console.access.outside.Social"
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_STORE_TOKENS = False
if OIDC_URL:
    AUTHENTICATION_BACKENDS.append("allauth.account.auth_backends.AuthenticationBackend")
    SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "sso",
                    "name": OIDC_NAME,
                    "client_id": PLACES.oidc_client,
                    "secret": PLACES.oidc_secret,
                    "settings": {"server_url": OIDC_URL},
                }
            ],
        }
    }

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
SESSION_ENGINE = "dbfleet.console.access.sessions"
SESSION_COOKIE_NAME = _COOKIE
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{_COOKIE}-csrf"
CSRF_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "dbfleet.console.errors.csrf_failed"
CSRF_TRUSTED_ORIGINS = [PLACES.url] if PLACES.url else []
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
# A refused request is no warning; and its path may be a login link's, which is a secret.
LOGGING = {"version": 1, "disable_existing_loggers": False, "loggers": {"django.request": {"level": "ERROR"}}}
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

DATABASES: dict[str, Any] = {
    "default": {
        "ENGINE": "dbfleet.console.control",
        "NAME": PLACES.control.database or "dbfleet",
        "USER": PLACES.control.user,
        "PASSWORD": PLACES.control.password,
        "HOST": PLACES.control.host,
        "PORT": PLACES.control.port,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # Without a limit a page would hang for minutes on a server that is gone, and for ever on one that hangs.
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": f"dbfleet-{ROLE}",
            # Nothing is done between two statements of a transaction that takes so long: its process is frozen or cut
            # off, and all the others would wait for what it has locked (the chain's lock is one for every job).
            "options": "-c idle_in_transaction_session_timeout=30s",
        },
        "ANSWER_S": 10 if _SERVES else 20,
    }
}

CELERY_BROKER_URL = PLACES.broker
DJANGO_CELERY_BEAT_TZ_AWARE = True
