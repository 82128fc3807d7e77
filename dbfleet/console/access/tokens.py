"""Tokens of the API: `dbf_` and 43 random characters, of which the hash is kept. They expire, and can be revoked.

Rule: a token reaches no further than its maker does at the moment of the call, and no further than it was made for
(access/rights.py); whoever comes with a token can make no other one.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from dbfleet.console import chain
from dbfleet.console.access.rights import EVERYTHING, Rights, level, of_user
from dbfleet.console.models import ROLES, Token
from dbfleet.errors import NotFound, UsageError

LONGEST_DAYS: Final = 366
_SHOWN: Final = 12
"""So much of a token is kept as it is: a person knows it again."""
_USED_EVERY: Final = timedelta(minutes=1)


def make(
    user: Any, name: str, *, role: str, rights: Rights, pattern: str = EVERYTHING, days: int = 30
) -> tuple[str, Token]:
    """A new token of the user, and what is kept of it: the text is known to the caller alone. UsageError."""
    name, pattern = name.strip(), pattern.strip() or EVERYTHING
    if not 0 < len(name) <= 100 or any(ord(each) < 32 for each in name):
        raise UsageError(
            "a token has a name of 1 to 100 characters", hint="what it is for: it is how you know it again"
        )
    if role not in ROLES:
        raise UsageError(f"there is no role {role!r}", hint=f"the roles are: {', '.join(ROLES)}")
    if level(role) > level(rights.highest):
        raise UsageError(f"you are {rights.highest or 'without a role'}: a token of yours cannot be {role}")
    if not 1 <= days <= LONGEST_DAYS:
        raise UsageError(f"a token is good for 1 to {LONGEST_DAYS} days")
    if len(pattern) > 300:
        raise UsageError("the pattern is too long")
    text = f"dbf_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        found = Token.objects.create(
            user=user, name=name, prefix=text[:_SHOWN], hash=_hash(text), role=role, pattern=pattern, made_at=Now(),
            expires_at=Now() + timedelta(days=days),
        )  # fmt: skip
        body = {
            "did": "make token",
            "token": found.prefix,
            "name": name,
            "role": role,
            "pattern": pattern,
            "days": days,
        }
        chain.append("access", who=rights.who, body=body)
        found.refresh_from_db()
    return text, found


def revoke(number: int, *, rights: Rights) -> None:
    """End a token: its maker may, and an admin. NotFound for others' and where there is none."""
    with transaction.atomic():
        found = Token.objects.select_for_update(of=("self",)).select_related("user").filter(pk=number).first()
        if found is None or not (rights.anywhere("admin") or found.user.get_username() == rights.user):
            raise NotFound("there is no such token of yours")
        if found.revoked_at is None:
            Token.objects.filter(pk=number).update(revoked_at=Now())
            body = {"did": "revoke token", "token": found.prefix, "name": found.name, "user": found.user.get_username()}
            chain.append("access", who=rights.who, body=body)


def find(text: str) -> Token | None:
    """The token, if it is good now and its maker may log in. That it was used is noted once a minute."""
    found = (
        Token.objects.select_related("user")
        .filter(hash=_hash(text), revoked_at=None, expires_at__gt=Now(), user__is_active=True)
        .first()
    )
    if found is not None:
        seen = Token.objects.filter(Q(used_at=None) | Q(used_at__lt=Now() - _USED_EVERY), pk=found.pk)
        seen.update(used_at=Now())
    return found


def rights(found: Token) -> Rights:
    """What a call with the token may do now."""
    return of_user(found.user, token=f"{found.prefix} {found.name}", limit=(found.pattern, found.role))


def listed(**wanted: Any) -> Any:
    """Tokens, those that are still good first."""
    order = F("revoked_at").asc(nulls_first=True)
    return Token.objects.select_related("user").filter(**wanted).order_by(order, "-expires_at", "-id")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
