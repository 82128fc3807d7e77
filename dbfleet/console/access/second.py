"""A second factor: codes of an authenticator app (TOTP), off unless DBFLEET_CONSOLE_TOTP says `optional` or `required`.

Rule: a code counts once, over all processes of web: the step of time that it was made for is kept, and none before it
counts again. Recovery codes, shown once, count once each. The tables are django-allauth's.
"""

from __future__ import annotations

import base64
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.db import transaction

from dbfleet.console import chain
from dbfleet.errors import UsageError

PASSED = "second"
"""The session's key that says that its person gave a second factor, or another service looked after that."""
ANEW = "second-anew"
"""The session's key that says that its person may set another one up without a code of the one that was lost."""


class Adapter(DefaultMFAAdapter):
    """allauth asks nobody for a code by itself: the console's own login does."""

    def is_mfa_enabled(self, user: Any, types: Any = None) -> bool:
        """No, as far as allauth's own pages are concerned."""
        return False


def wanted() -> bool:
    """Whether there are second factors here."""
    return bool(settings.TOTP)


def lacking(request: Any) -> bool:
    """Whether somebody is in by one factor where two are required. A token was made by somebody who had both."""
    if settings.TOTP != "required" or request.has_token or request.session.get(PASSED):
        return False
    return bool(request.rights.user)


def has(user: Any) -> bool:
    """Whether the user must give a code."""
    return wanted() and Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def secret() -> str:
    """A new secret, for an app."""
    return totp.generate_totp_secret()


def picture(user: Any, made: str) -> tuple[str, str]:
    """The address that an app takes, and its QR code as an address of an image."""
    url = get_adapter().build_totp_url(user, made)
    svg = base64.b64encode(get_adapter().build_totp_svg(url).encode()).decode()
    return url, f"data:image/svg+xml;base64,{svg}"


def activate(user: Any, made: str, code: str, *, by: str) -> list[str]:
    """Begin to ask the user for codes; the recovery codes. UsageError where the app's code is wrong."""
    step = _step(made, code)
    if step is None:
        raise UsageError("that code is wrong", hint="look at the app again, and at the clocks of both machines")
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        found = totp.TOTP.activate(user, made).instance
        found.data["last"] = step
        found.save()
        codes = RecoveryCodes.activate(user).get_unused_codes()
        chain.append("access", who=by, body={"did": "second factor", "user": user.get_username()})
    return list(codes)


def remove(user: Any, *, by: str) -> None:
    """Ask the user for no code any more."""
    with transaction.atomic():
        if Authenticator.objects.filter(user=user).delete()[0]:
            chain.append("access", who=by, body={"did": "no second factor", "user": user.get_username()})


def fits(user: Any, code: str) -> bool:
    """Whether the code is the app's, or a recovery code; it is used up."""
    code = code.replace(" ", "")
    with transaction.atomic():
        rows = {each.type: each for each in Authenticator.objects.select_for_update().filter(user=user)}
        found = rows.get(Authenticator.Type.TOTP)
        if found is None:
            return False
        step = _step(totp.decrypt(found.data["secret"]), code)
        if step is not None and step > found.data.get("last", 0):
            found.data["last"] = step
            found.save(update_fields=["data"])
            return True
        spare = rows.get(Authenticator.Type.RECOVERY_CODES)
        return spare is not None and RecoveryCodes(spare).validate_code(code)


def _step(made: str, code: str) -> int | None:
    """The step of time that the code was made for, if it is one of about now."""
    for step in totp.yield_hotp_counters_from_time():
        if totp.compare_user_code(actual=code, expected=totp.format_hotp_value(totp.hotp_value(made, step))):
            return step
    return None
