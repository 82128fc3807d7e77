"""Who logs in by another service (OpenID Connect): configured by the environment, by django-allauth.

Rule: the service says who somebody is, never what they may do: a new person has no role until an admin grants one. A
name of the service's is never taken for a user who is there already.
"""

from __future__ import annotations

from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter

from dbfleet.console import chain
from dbfleet.console.access import second

LEADS_TO: Final = (
    "account_login", "account_logout", "account_signup", "account_inactive", "account_reset_password",
    "account_email_verification_sent", "socialaccount_login_cancelled", "socialaccount_login_error",
    "socialaccount_signup", "socialaccount_connections",
)  # fmt: skip
"""Where allauth may lead somebody whom it does not let in."""
WAYS_IN: Final = frozenset({"openid_connect_login", "openid_connect_callback", *LEADS_TO})
"""The names of the URLs that are open for it."""


class Account(DefaultAccountAdapter):
    """Accounts come by a link, by an admin, or by the service; nobody signs up by a form."""

    def is_open_for_signup(self, request: Any) -> bool:
        """No."""
        return False

    def send_mail(self, template_prefix: str, email: str, context: Any) -> None:
        """The console sends none."""

    def login(self, request: Any, user: Any) -> None:
        """The service has looked after a second factor, or it is its own affair."""
        request.login_way = "openid connect"
        super().login(request, user)
        request.session[second.PASSED] = True


class Social(DefaultSocialAccountAdapter):
    """People of the service."""

    def is_open_for_signup(self, request: Any, sociallogin: Any) -> bool:
        """Whoever the service lets in may come in; that shows them nothing."""
        return True

    def is_auto_signup_allowed(self, request: Any, sociallogin: Any) -> bool:
        """Without a form."""
        return True

    def populate_user(self, request: Any, sociallogin: Any, data: Any) -> Any:
        """A name; no address is kept."""
        user = super().populate_user(request, sociallogin, {**data, "email": ""})
        sociallogin.email_addresses = []
        return user

    def save_user(self, request: Any, sociallogin: Any, form: Any = None) -> Any:
        """A new person, on record."""
        user = super().save_user(request, sociallogin, form)
        body = {"did": "add user", "user": user.get_username(), "by way of": sociallogin.account.provider}
        chain.append("access", who=f"web:{user.get_username()}", body=body)
        return user
