"""Logins in the chain, however somebody got in: by a password, a link, or another service."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver

from dbfleet.console import chain
from dbfleet.console.access.throttle import address


@receiver(user_logged_in)
def _came(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    way = getattr(request, "login_way", "") or "password"
    chain.append(
        "login", who=f"web:{user.get_username()}", body={"did": "log in", "way": way, "from": address(request)}
    )


@receiver(user_logged_out)
def _went(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    if user is not None:
        chain.append("login", who=f"web:{user.get_username()}", body={"did": "log out"})


def waits(name: str, request: Any, seconds: int) -> None:
    """Somebody has guessed too often. The name is kept if it is one of ours: else it may be a password."""
    from django.contrib.auth import get_user_model

    known = get_user_model().objects.filter(username=name).exists()
    body = {"did": "made to wait", "user": name if known else None, "from": address(request), "seconds": seconds}
    chain.append("login", who="web:", body=body)
