"""Sessions as Django keeps them, in the control database: whoever is logged out, shut out or granted something else is
so at the next request, in every process of web.

Rule: the session, its user and the user's grants are read by one statement, at each request that asks who is there.
A view may have what it will ask read by the same statement (`Beside`): a page is then one round trip.

Whose session it is stands inside the session: so it is guessed, by what it said when it was read before, and what was
read with it counts only where the session says the same. Everything else goes Django's own way: a session that was not
read here before, or of which anything does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model, load_backend
from django.contrib.auth import middleware as plain
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends import db
from django.db import connection
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

_MOST: Final = 10_000
_whose: dict[str, str] = {}
"""Sessions' keys and what they said of their user: a guess, no more."""


_SQL: Final = """
    SELECT s.session_data,
           ARRAY(SELECT ARRAY[g.pattern, g.role]::text[] FROM console_grant g WHERE g.user_id = u.id ORDER BY g.id), {}
      FROM (SELECT) AS always
      LEFT JOIN django_session s ON s.session_key = %(session)s AND s.expire_date > %(now)s
      LEFT JOIN auth_user u ON u.id = %(user)s
"""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Whom a session may belong to, as it was read with the session."""

    user: Any
    grants: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """What a view will ask: columns of a SELECT without a FROM, and their parameters. It is asked before it is known
    who asks, and shown to nobody who may not see it: that is the view's to hold."""

    columns: str
    parameters: Mapping[str, Any]


class SessionStore(db.SessionStore):
    """A session, and what was read with it."""

    arrived: Arrived | None = None
    beside: Beside | None = None
    """To be read."""
    found: tuple[Any, ...] | None = None
    """What `beside` gave; None where it was not read."""

    def load(self) -> dict[str, Any]:
        """What the session holds."""
        self.arrived = self.found = None
        key = self.session_key
        guess = _whose.get(key) if key else None
        if guess is None or (text := self._read(key, guess)) is None:
            said: dict[str, Any] = super().load()
        else:
            said = self.decode(text)
        if key and SESSION_KEY in said:
            if len(_whose) >= _MOST:
                _whose.clear()
            _whose[key] = said[SESSION_KEY]
        return said

    def _read(self, key: str | None, guess: str) -> str | None:
        """The session's text; None where there is no such session (any more)."""
        model = get_user_model()
        fields = model._meta.concrete_fields
        columns = [f'u."{each.column}"' for each in fields]
        if self.beside is not None:
            columns.append(self.beside.columns)
        asked = {"session": key, "user": model._meta.pk.to_python(guess), "now": timezone.now()}
        with connection.prepared() as cursor:  # of dbfleet.console.control
            cursor.execute(
                _SQL.format(", ".join(columns)), {**(self.beside.parameters if self.beside else {}), **asked}
            )
            text, grants, *row = cursor.fetchone()
        values, more = row[: len(fields)], row[len(fields) :]
        user = model.from_db(connection.alias, [each.attname for each in fields], values)
        if text is not None and user.pk is not None:
            self.arrived = Arrived(user, tuple((pattern, role) for pattern, role in grants))
            self.found = tuple(more) if self.beside is not None else None
        return text


class Authentication(plain.AuthenticationMiddleware):
    """Who the request is from: `request.user`."""

    def process_request(self, request: Any) -> None:
        """Find it out when somebody asks."""
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _user(request))


def _user(request: Any) -> Any:
    """The session's user: what was read with it, where Django would take the same one; else by Django."""
    if not hasattr(request, "_cached_user") and _fits(request.session):
        request._cached_user = request.session.arrived.user
    return plain.get_user(request)


def _fits(session: Any) -> bool:
    """Whether the user that was read is the session's, may log in still, and has the password of that time."""
    whose, path = session.get(SESSION_KEY), session.get(BACKEND_SESSION_KEY)
    arrived = session.arrived
    if arrived is None or whose != str(arrived.user.pk) or path not in settings.AUTHENTICATION_BACKENDS:
        return False
    backend = load_backend(path)
    return (
        isinstance(backend, ModelBackend)
        and type(backend).get_user is ModelBackend.get_user
        and backend.user_can_authenticate(arrived.user)
        and constant_time_compare(session.get(HASH_SESSION_KEY) or "", arrived.user.get_session_auth_hash())
    )


def grants(session: Any, user: Any) -> tuple[tuple[str, str], ...] | None:
    """The user's grants, where they were read with the session; None where they were not."""
    arrived = getattr(session, "arrived", None)
    return arrived.grants if arrived is not None and arrived.user.pk == user.pk else None
