"""Who has access, as plain records: the same for the page and the API."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models.functions import Now

from dbfleet.console.access import tokens
from dbfleet.console.access.rights import level
from dbfleet.console.models import Grant, Token


def users() -> list[dict[str, Any]]:
    """Every user with grants: admins first, those who are shut out last. Two queries."""
    held: dict[int, list[dict[str, Any]]] = {}
    for grant in Grant.objects.order_by("pattern"):
        held.setdefault(grant.user_id, []).append(grant_record(grant))
    found = [
        {
            "user": user.get_username(),
            "active": user.is_active,
            "password": user.has_usable_password(),
            "last_login": user.last_login,
            "grants": sorted(held.get(user.pk, []), key=lambda each: -level(each["role"])),
        }
        for user in get_user_model().objects.order_by("username")
    ]
    return sorted(
        found, key=lambda each: (not each["active"], -max((level(g["role"]) for g in each["grants"]), default=0))
    )


def grant_record(grant: Grant) -> dict[str, Any]:
    """A grant."""
    return {"grant": grant.pk, "pattern": grant.pattern, "role": grant.role, "by": grant.made_by, "at": grant.made_at}


def of(user: str) -> list[dict[str, Any]]:
    """One user's tokens."""
    return [token_record(each) for each in _with_state(user__username=user)]


def all_tokens() -> list[dict[str, Any]]:
    """Everybody's tokens, those that are good first."""
    return [token_record(each) for each in _with_state()[:500]]


def _with_state(**wanted: Any) -> Any:
    return tokens.listed(**wanted).annotate(now=Now())


def token_record(token: Token) -> dict[str, Any]:
    """A token, as far as it can be told: never its text."""
    now = getattr(token, "now", token.made_at)
    state = "revoked" if token.revoked_at else "expired" if token.expires_at <= now else "active"
    return {
        "token": token.pk, "begins": token.prefix, "name": token.name, "user": token.user.get_username(),
        "role": token.role, "pattern": token.pattern, "state": state, "made": token.made_at,
        "expires": token.expires_at, "used": token.used_at,
    }  # fmt: skip
