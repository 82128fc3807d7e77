"""Where the console's own servers are, and what it may know: read from the environment once.

    DBFLEET_CONTROL_URL               the control database; the web's own account in web, the owner's elsewhere
    DBFLEET_CONTROL_WEB_PASSWORD_FILE the password that the owner gives to the web's account; not set in web
    DBFLEET_BROKER_URL                the broker
    DBFLEET_CONSOLE_KEY_FILE          the file with the key that sessions and links are signed with
    DBFLEET_CONSOLE_URL               the address that people type
    DBFLEET_WORKER_NAME               what a worker is called beside others on its machine; worker otherwise
    DBFLEET_WEB_LISTEN                HOST:PORT on which web speaks HTTP
    DBFLEET_WEB_UWSGI                 HOST:PORT on which it speaks the uwsgi protocol too, where nginx is in front
    DBFLEET_WEB_DOOR_FILE             the file with the word by which nginx shows web that it is nginx
    DBFLEET_CONSOLE_OIDC_URL          the issuer of another service to log in by (OpenID Connect); off without it
    DBFLEET_CONSOLE_OIDC_CLIENT, _SECRET, _NAME   what it knows the console by, and its name on the login page
    DBFLEET_CONSOLE_OIDC_CA           certificates, as PEM, that are believed besides those of public authorities
    DBFLEET_CONSOLE_OIDC_DOMAINS      of which domains an e-mail address must be, verified by it; all where not set
    DBFLEET_CONSOLE_TOTP              `optional` or `required`: second factors by an authenticator app; off without it

Values may hold the placeholders of dbfleet's URLs (${file:PATH}), so no secret stands in the environment.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dbfleet import config, secrets
from dbfleet.errors import ConfigError, DbfleetError

ALIVE_S: Final = 20.0
"""A process of the console that has said nothing for so long is taken for gone."""
_MISSING: Final = "the console's servers are not known here"


@dataclass(frozen=True, slots=True)
class Places:
    """The values of the variables, with their placeholders replaced; empty where one is not set."""

    control: config.Url = field(repr=False)
    broker: str = field(repr=False)
    key: str = field(repr=False)
    url: str
    listen: str
    uwsgi: str
    web_password: str = field(repr=False)
    door: str = field(default="", repr=False)
    oidc_url: str = ""
    oidc_client: str = ""
    oidc_secret: str = field(default="", repr=False)
    oidc_ca: str = field(default="", repr=False)
    oidc_name: str = ""
    oidc_domains: frozenset[str] = frozenset()
    totp: str = ""


def worker_here(environ: Mapping[str, str] | None = None) -> str:
    """What the name of a worker of this service on this machine begins with; its process id follows."""
    service = (os.environ if environ is None else environ).get("DBFLEET_WORKER_NAME") or "worker"
    return f"{service}@{socket.gethostname()}"


def read(environ: Mapping[str, str] | None = None) -> Places:
    """The places that the environment names. ConfigError where the control database is missing, or a value is wrong."""
    environ = os.environ if environ is None else environ

    def value(name: str) -> str:
        with _named(name):
            return secrets.expand(environ.get(name, ""), environ=environ, directory=Path.cwd())

    def content(name: str) -> str:
        with _named(name):
            return _content(environ.get(name, ""))

    if not environ.get("DBFLEET_CONTROL_URL"):
        raise ConfigError(
            _MISSING, hint="dbfleet console or dbfleet up console starts them, and sets DBFLEET_CONTROL_URL"
        )
    with _named("DBFLEET_CONTROL_URL"):
        control = _control(environ)
    oidc_url = value("DBFLEET_CONSOLE_OIDC_URL").rstrip("/")
    return Places(
        control=control,
        broker=_broker(value("DBFLEET_BROKER_URL")),
        key=content("DBFLEET_CONSOLE_KEY_FILE"),
        url=value("DBFLEET_CONSOLE_URL").rstrip("/"),
        listen=_address("DBFLEET_WEB_LISTEN", value("DBFLEET_WEB_LISTEN")),
        uwsgi=_address("DBFLEET_WEB_UWSGI", value("DBFLEET_WEB_UWSGI")),
        web_password=content("DBFLEET_CONTROL_WEB_PASSWORD_FILE"),
        door=content("DBFLEET_WEB_DOOR_FILE"),
        oidc_url=oidc_url,
        oidc_client=value("DBFLEET_CONSOLE_OIDC_CLIENT"),
        oidc_secret=value("DBFLEET_CONSOLE_OIDC_SECRET").strip() if oidc_url else "",
        oidc_ca=_certificates(value("DBFLEET_CONSOLE_OIDC_CA")) if oidc_url else "",
        oidc_name=value("DBFLEET_CONSOLE_OIDC_NAME"),
        oidc_domains=frozenset(re.split(r"[,\s]+", value("DBFLEET_CONSOLE_OIDC_DOMAINS").lower())) - {""},
        totp=_one_of("DBFLEET_CONSOLE_TOTP", value("DBFLEET_CONSOLE_TOTP"), ("", "optional", "required")),
    )


@contextmanager
def _named(name: str) -> Iterator[None]:
    """For the block: an error says which variable it is about."""
    try:
        yield
    except DbfleetError as error:
        raise ConfigError(f"{name}: {error.message}", hint=error.hint) from error


def number(name: str, otherwise: int, environ: Mapping[str, str] | None = None) -> int:
    """A variable that is a number from 1 on. ConfigError where it is none."""
    found = (os.environ if environ is None else environ).get(name) or str(otherwise)
    if not (found.isascii() and found.isdecimal() and 0 < int(found) < 1000):
        raise ConfigError(f"{name} is {found!r}", hint="it is a number, 1 or more")
    return int(found)


def _address(name: str, found: str) -> str:
    host, _, port = found.rpartition(":")
    if found and not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ConfigError(f"{name} is {found!r}", hint="it is HOST:PORT")
    return found


def _broker(url: str) -> str:
    if url and not url.startswith(("redis://", "rediss://", "redis+socket://")):
        raise ConfigError("DBFLEET_BROKER_URL is no URL of a broker", hint="redis://:PASSWORD@HOST:PORT/0")
    return url


def _certificates(text: str) -> str:
    """ConfigError where they cannot be read: else the first login would find that out."""
    if not text.strip():
        return ""
    import ssl  # here, as a process without such a setting does without

    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError("DBFLEET_CONSOLE_OIDC_CA holds no certificates as PEM") from error
    return text


def _one_of(name: str, found: str, known: tuple[str, ...]) -> str:
    if found not in known:
        raise ConfigError(f"{name} is {found!r}", hint=f"it is {' or '.join(filter(None, known))}, or not set")
    return found


def _control(environ: Mapping[str, str]) -> config.Url:
    """The URL of the control database, taken apart before its placeholders are replaced: a password may hold @ or /."""
    url = config.parse_url(environ["DBFLEET_CONTROL_URL"])
    if url.scheme not in ("postgresql", "postgres"):
        raise ConfigError(f"{url.scheme}:// is no URL of a control database", hint="it is a PostgreSQL: postgresql://…")

    def expanded(part: str | None) -> str | None:
        return None if part is None else secrets.expand(part, environ=environ, directory=Path.cwd())

    return replace(url, user=expanded(url.user), password=expanded(url.password), host=expanded(url.host))


def _content(file: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).read_text("utf-8").strip()
    except OSError as exc:
        raise ConfigError(f"{file}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{file} is not UTF-8") from exc
