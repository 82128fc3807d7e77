"""Users and their grants: what may be changed, and that each change is in the chain.

Rule: there is always an active admin who can log in, so the last one can be neither removed nor shut out.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from dbfleet.console import chain
from dbfleet.console.access.rights import EVERYTHING
from dbfleet.console.models import ROLES, Grant
from dbfleet.errors import AlreadyExists, NotFound, UsageError, did_you_mean


def find(name: str) -> Any:
    """The user of that name. NotFound."""
    users = get_user_model()
    found = users.objects.filter(username=name).first()
    if found is None:
        names = list(users.objects.order_by("username").values_list("username", flat=True)[:200])
        raise NotFound(f"there is no user {name!r}", hint=did_you_mean(name, names, "Access lists the users"))
    return found


def admins() -> Any:
    """The active admins, the first one first."""
    return (
        get_user_model()
        .objects.filter(is_active=True, grants__role="admin", grants__pattern=EVERYTHING)
        .order_by("date_joined", "id")
    )


def add(name: str, *, by: str, password: str = "", role: str = "", pattern: str = EVERYTHING) -> Any:
    """A new user. UsageError for a name or password that cannot be taken, AlreadyExists for a name that is."""
    users = get_user_model()
    name = users.normalize_username(name.strip())
    try:
        UnicodeUsernameValidator()(name)
    except ValidationError:
        raise UsageError("a name has letters, digits and @ . + - _ only") from None
    if not 0 < len(name) <= 150:
        raise UsageError("a name has 1 to 150 characters")
    with transaction.atomic():
        if users.objects.filter(username__iexact=name).exists():
            raise AlreadyExists(f"there is a user {name!r}")
        user = users(username=name)
        _give_password(user, password)
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError:
            raise AlreadyExists(f"there is a user {name!r}") from None
        chain.append("access", who=by, body={"did": "add user", "user": name, "password": bool(password)})
        if role:
            grant(user, role, pattern, by=by)
    return user


def grant(user: Any, role: str, pattern: str, *, by: str) -> Grant:
    """Give the user the role on the targets that match; another role on the same pattern is replaced."""
    pattern = pattern.strip()
    if role not in ROLES:
        raise UsageError(f"there is no role {role!r}", hint=f"the roles are: {', '.join(ROLES)}")
    if not pattern or len(pattern) > 300:
        raise UsageError("a pattern is missing", hint="a target's name, or a pattern such as prod-*; * is every target")
    if role == "admin" and pattern != EVERYTHING:
        raise UsageError("an admin is one on every target", hint="grant admin on *, or writer on the pattern")
    with transaction.atomic():
        before = Grant.objects.select_for_update().filter(user=user, pattern=pattern).first()
        if before is not None and before.role == "admin" and role != "admin":
            _another_admin(user)
        found, _ = Grant.objects.update_or_create(
            user=user, pattern=pattern, defaults={"role": role, "made_by": by, "made_at": Now()}
        )
        body = {"did": "grant", "user": user.get_username(), "role": role, "pattern": pattern}
        chain.append("access", who=by, body=body | ({"before": before.role} if before else {}))
    return found


def withdraw(grant_id: int, *, by: str) -> None:
    """Take a grant away. NotFound; UsageError for the last admin's."""
    with transaction.atomic():
        found = Grant.objects.select_for_update(of=("self",)).select_related("user").filter(pk=grant_id).first()
        if found is None:
            raise NotFound("there is no such grant: it was withdrawn")
        if found.role == "admin":
            _another_admin(found.user)
        found.delete()
        body = {"did": "withdraw", "user": found.user.get_username(), "role": found.role, "pattern": found.pattern}
        chain.append("access", who=by, body=body)


def set_active(user: Any, active: bool, *, by: str) -> None:
    """Shut a user out, with all sessions and tokens, or let them in again."""
    with transaction.atomic():
        if not active:
            _another_admin(user)
        user.is_active = active
        user.save(update_fields=["is_active"])
        did = "let in" if active else "shut out"
        chain.append("access", who=by, body={"did": did, "user": user.get_username()})


def set_password(user: Any, password: str, *, by: str) -> None:
    """Give a new password; it ends the user's other sessions."""
    if not password:
        raise UsageError("the password is empty")
    with transaction.atomic():
        _give_password(user, password)
        user.save(update_fields=["password"])
        chain.append("access", who=by, body={"did": "set password", "user": user.get_username()})


def _give_password(user: Any, password: str) -> None:
    if not password:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise UsageError("the password cannot be taken", hint=" ".join(error.messages)) from None
    user.set_password(password)


def _another_admin(user: Any) -> None:
    """UsageError if the user is the last active admin. The admins' grants are locked: two cannot remove each other."""
    locked = Grant.objects.select_for_update(of=("self",)).filter(role="admin", pattern=EVERYTHING)
    others = [each for each in locked.select_related("user").order_by("pk") if each.user.is_active]
    if any(each.user_id == user.pk for each in others) and len(others) == 1:
        raise UsageError(
            f"{user.get_username()} is the last admin: nobody could grant anything any more",
            hint="make somebody else an admin first",
        )
