"""A link that logs somebody in, once, within its time: printed on a terminal by who holds the fleet's secrets.

Rule: only its hash is kept. Opening it shows a page with a button, so nothing that fetches links beforehand uses it up.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.functions import Now

from dbfleet.console import chain
from dbfleet.console.access import people
from dbfleet.console.models import LoginLink
from dbfleet.errors import NotFound, UsageError

VALID_FOR: Final = timedelta(minutes=30)


def make(*, by: str, user: str = "") -> str:
    """The secret part of a new link. For the user of that name; else for the first admin, who may not be there yet."""
    users = get_user_model()
    whose = people.find(user) if user else people.admins().first()
    if whose is not None and not whose.is_active:
        raise UsageError(f"{user} is shut out", hint="an admin lets them in again, under Access")
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        LoginLink.objects.filter(expires_at__lt=Now() - timedelta(days=7)).delete()
        LoginLink.objects.create(
            hash=_hash(secret), user=whose, made_by=by, made_at=Now(), expires_at=Now() + VALID_FOR
        )
        told = whose.get_username() if whose else "the first admin"
        chain.append("access", who=by, body={"did": "make login link", "user": told})
    assert whose is None or isinstance(whose, users)
    return secret


def look(secret: str) -> LoginLink | None:
    """The link, if it can still be used."""
    found = LoginLink.objects.select_related("user").filter(hash=_hash(secret), used_at=None, expires_at__gt=Now())
    return found.first()


def use(secret: str, *, name: str = "", password: str = "") -> Any:
    """The user whom the link lets in; the link is used up. Of two who use it at once, one gets in. NotFound where it
    is no link any more; UsageError where the first admin's name or password cannot be taken: then it is still good."""
    with transaction.atomic():
        found = LoginLink.objects.select_for_update(of=("self",)).filter(hash=_hash(secret)).first()
        fresh = found is not None and look(secret) is not None
        if found is None or not fresh:
            raise NotFound("this link was used, or is too old", hint="dbfleet console link prints another one")
        LoginLink.objects.filter(pk=found.pk).update(used_at=Now())
        if found.user is not None:
            if not found.user.is_active:
                raise NotFound("this link's user is shut out")
            return found.user
        if people.admins().exists():
            raise NotFound("there is an admin already", hint="log in as one, or print a new link")
        return people.add(name, by=found.made_by, password=password, role="admin")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
