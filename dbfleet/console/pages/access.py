"""Access: one's own roles, password and tokens; for admins, everybody's."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from dbfleet.console import forms
from dbfleet.console.access import links, needs, people, state, tokens
from dbfleet.console.models import ROLES
from dbfleet.console.rooms import Nav
from dbfleet.errors import DbfleetError, UsageError

NAV = Nav("Access", "access", 90, "login")


@require_safe
@needs("login")
def access(request: Any) -> HttpResponse:
    """The page."""
    return _page(request)


def _page(request: Any, *, status: int = 200, **shown: Any) -> HttpResponse:
    rights = request.rights
    admin = rights.anywhere("admin")
    facts = {
        "admin": admin,
        "roles": ROLES,
        "my_roles": ROLES[: ROLES.index(rights.highest) + 1] if rights.highest else (),
        "mine": state.of(rights.user),
        "users": state.users() if admin else [],
        "others": [each for each in state.all_tokens() if each["user"] != rights.user] if admin else [],
        "totp": settings.TOTP,
        "has_password": request.user.has_usable_password(),
    }
    return render(request, "access.html", {**facts, **shown}, status=status)


def _done(request: Any, told: str) -> HttpResponse:
    messages.success(request, told)
    return redirect("access")


def _failed(request: Any, error: DbfleetError) -> HttpResponse:
    messages.error(request, error.message + (f": {error.hint}" if error.hint else ""))
    return redirect("access")


@require_POST
@needs("viewer", posts=True)
def make_token(request: Any) -> HttpResponse:
    """A token of one's own, shown this once."""
    form = request.POST
    try:
        text, token = tokens.make(
            request.user, forms.text(form, "name"), role=forms.text(form, "role"), rights=request.rights,
            pattern=forms.text(form, "pattern"), days=forms.whole(form, "days", default=30) or 0,
        )  # fmt: skip
    except UsageError as error:
        return _failed(request, error)
    return _page(request, token=text, token_name=token.name)


@require_POST
@needs("login", posts=True)
def revoke_token(request: Any, number: int) -> HttpResponse:
    """End one."""
    tokens.revoke(number, rights=request.rights)
    return _done(request, "The token is revoked.")


@sensitive_post_parameters()
@require_POST
@needs("login", posts=True)
def own_password(request: Any) -> HttpResponse:
    """A new password of one's own; it needs the old one, if there is one."""
    form = request.POST
    if request.user.has_usable_password() and not request.user.check_password(form.get("old", "")):
        return _failed(request, UsageError("the old password is another one"))
    if form.get("new", "") != form.get("again", ""):
        return _failed(request, UsageError("the new password was typed in two ways"))
    try:
        people.set_password(request.user, form.get("new", ""), by=request.rights.who)
    except UsageError as error:
        return _failed(request, error)
    update_session_auth_hash(request, request.user)
    return _done(request, "The password is changed. Your other sessions have ended.")


@sensitive_post_parameters()
@require_POST
@needs("admin")
def add_user(request: Any) -> HttpResponse:
    """A new user; without a password, with a link that logs them in once."""
    form, by = request.POST, request.rights.who
    try:
        name, role = forms.text(form, "username", needed=True), forms.text(form, "role")
        pattern = forms.text(form, "pattern") or "*"
        user = people.add(name, by=by, password=form.get("password", ""), role=role, pattern=pattern)
    except DbfleetError as error:
        return _failed(request, error)
    if form.get("password"):
        return _done(request, f"{user.get_username()} is added.")
    return _page(request, link=_link(user, by), link_user=user.get_username())


@require_POST
@needs("admin")
def user_link(request: Any, name: str) -> HttpResponse:
    """A link that logs a user in once, shown this once."""
    user = people.find(name)
    try:
        return _page(request, link=_link(user, request.rights.who), link_user=user.get_username())
    except UsageError as error:
        return _failed(request, error)


def _link(user: Any, by: str) -> str:
    return f"{settings.PLACES.url}/link/{links.make(by=by, user=user.get_username())}"


@require_POST
@needs("admin")
def user_active(request: Any, name: str) -> HttpResponse:
    """Shut a user out, or let them in again."""
    active = request.POST.get("active") == "1"
    try:
        people.set_active(people.find(name), active, by=request.rights.who)
    except UsageError as error:
        return _failed(request, error)
    return _done(request, f"{name} may log in again." if active else f"{name} is shut out, with all tokens.")


@require_POST
@needs("admin")
def grant(request: Any, name: str) -> HttpResponse:
    """Give a role on a pattern of targets."""
    role, pattern = forms.text(request.POST, "role"), forms.text(request.POST, "pattern") or "*"
    try:
        people.grant(people.find(name), role, pattern, by=request.rights.who)
    except UsageError as error:
        return _failed(request, error)
    return _done(request, f"{name} is {role} on {pattern}.")


@require_POST
@needs("admin")
def withdraw(request: Any, number: int) -> HttpResponse:
    """Take a grant away."""
    try:
        people.withdraw(number, by=request.rights.who)
    except UsageError as error:
        return _failed(request, error)
    return _done(request, "The grant is withdrawn; tokens lose what it gave.")


urlpatterns = [
    path("access/", access, name="access"),
    path("access/tokens", make_token, name="access-token"),
    path("access/tokens/<int:number>/revoke", revoke_token, name="access-token-revoke"),
    path("access/password", own_password, name="access-password"),
    path("access/users", add_user, name="access-user"),
    path("access/users/<str:name>/link", user_link, name="access-user-link"),
    path("access/users/<str:name>/active", user_active, name="access-user-active"),
    path("access/users/<str:name>/grants", grant, name="access-grant"),
    path("access/grants/<int:number>/withdraw", withdraw, name="access-withdraw"),
]
