"""Users, grants and tokens. Who comes with a token may look and revoke; what gives access needs somebody logged in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from ninja import Router, Schema
from ninja.responses import Status

from dbfleet.console.access import in_person, links, needs, people, state, tokens

PREFIX = "/access"
router = Router()


class NewUser(Schema):
    """A user to add. Without a password, a login link lets them in."""

    user: str
    password: str = ""
    role: str = ""
    pattern: str = "*"


class NewGrant(Schema):
    """A role on the targets whose names match."""

    role: str
    pattern: str = "*"


class NewToken(Schema):
    """A token of one's own."""

    name: str
    role: str
    pattern: str = "*"
    days: int = 30


class Active(Schema):
    """Whether a user may log in."""

    active: bool


@router.get("/me")
@needs("login")
def me(request: Any) -> dict[str, Any]:
    """Who calls, with which roles."""
    rights = request.rights
    held = [{"pattern": pattern, "role": role} for pattern, role in rights.grants]
    limit = {"pattern": rights.limit[0], "role": rights.limit[1]} if rights.limit else None
    return {"user": rights.user, "grants": held, "token": rights.token or None, "at_most": limit}


@router.get("/users")
@needs("admin")
def users(request: Any) -> list[dict[str, Any]]:
    """Every user with their grants."""
    return state.users()


@router.post("/users", response={201: dict})
@needs("admin")
def add_user(request: Any, body: NewUser) -> Any:
    """Add a user."""
    in_person(request)
    by = request.rights.who
    user = people.add(body.user, by=by, password=body.password, role=body.role, pattern=body.pattern)
    return Status(201, {"user": user.get_username()})


@router.post("/users/{name}/link", response={201: dict})
@needs("admin")
def user_link(request: Any, name: str) -> Any:
    """A link that logs the user in, once, within 30 minutes."""
    in_person(request)
    secret = links.make(by=request.rights.who, user=people.find(name).get_username())
    return Status(201, {"user": name, "url": f"{settings.PLACES.url}/link/{secret}"})


@router.post("/users/{name}/active")
@needs("admin")
def user_active(request: Any, name: str, body: Active) -> dict[str, Any]:
    """Shut a user out, or let them in again."""
    in_person(request)
    people.set_active(people.find(name), body.active, by=request.rights.who)
    return {"user": name, "active": body.active}


@router.post("/users/{name}/grants", response={201: dict})
@needs("admin")
def grant(request: Any, name: str, body: NewGrant) -> Any:
    """Give a role on a pattern of targets; it replaces the user's role on that pattern."""
    in_person(request)
    return Status(
        201, state.grant_record(people.grant(people.find(name), body.role, body.pattern, by=request.rights.who))
    )


@router.delete("/grants/{number}", response={204: None})
@needs("admin")
def withdraw(request: Any, number: int) -> Any:
    """Take a grant away."""
    in_person(request)
    people.withdraw(number, by=request.rights.who)
    return Status(204, None)


@router.get("/tokens")
@needs("login")
def list_tokens(request: Any) -> list[dict[str, Any]]:
    """One's own tokens, an admin's call all; never their text."""
    return state.all_tokens() if request.rights.anywhere("admin") else state.of(request.rights.user)


@router.post("/tokens", response={201: dict})
@needs("viewer", posts=True)
def make_token(request: Any, body: NewToken) -> Any:
    """Make a token of one's own. Its text is in this answer, and nowhere again."""
    in_person(request)
    text, token = tokens.make(
        request.user, body.name, role=body.role, rights=request.rights, pattern=body.pattern, days=body.days
    )
    return Status(201, {**state.token_record(token), "text": text})


@router.delete("/tokens/{number}", response={204: None})
@needs("login", posts=True)
def revoke_token(request: Any, number: int) -> Any:
    """Revoke a token: one's own, an admin any."""
    tokens.revoke(number, rights=request.rights)
    return Status(204, None)
