"""Who logs in by another service (OpenID Connect): configured by the environment, by django-allauth.

Rule: the service says who somebody is, never what they may do: a new person has no role until an admin grants one. A
name of the service's is never taken for a user who is there already. What is believed of it: access/service.py.
"""

from __future__ import annotations

import logging
from typing import Any, Final
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings

from dbfleet.console import chain, errors
from dbfleet.console.access import second

log = logging.getLogger("dbfleet.oidc")

LEADS_TO: Final = (
    "account_login", "account_logout", "account_signup", "account_inactive", "account_reset_password",
    "account_email_verification_sent", "socialaccount_login_cancelled", "socialaccount_login_error",
    "socialaccount_signup", "socialaccount_connections",
)  # fmt: skip
"""Where allauth may lead somebody whom it does not let in."""
WAYS_IN: Final = frozenset({"openid_connect_login", "openid_connect_callback", *LEADS_TO})
"""The names of the URLs that are open for it."""
BEGIN: Final = "/oidc/sso/login/"


def ways(request: Any, onward: str) -> list[dict[str, Any]]:
    """The buttons of the login page. The service sends people back to the console's own address, so that is where a
    login must begin: under another name of this machine the button leads there."""
    if not settings.OIDC_URL:
        return []
    own = urlsplit(settings.PLACES.url).netloc
    here = not own or request.get_host() == own
    return [{"name": settings.OIDC_NAME, "url": BEGIN if here else f"{settings.PLACES.url}/login", "here": here}]


class Account(DefaultAccountAdapter):
    """Accounts come by a link, by an admin, or by the service; nobody signs up by a form."""

    def is_open_for_signup(self, request: Any) -> bool:
        """No."""
        return False

    def send_mail(self, template_prefix: str, email: str, context: Any) -> None:
        """The console sends none."""

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """The pages say themselves what was done."""

    def login(self, request: Any, user: Any) -> None:
        """The service has looked after a second factor, or it is its own affair."""
        request.login_way = "openid connect"
        super().login(request, user)
        request.session[second.PASSED] = True


class Social(DefaultSocialAccountAdapter):
    """People of the service."""

    def get_provider(self, request: Any, provider: str, client_id: str | None = None) -> Any:
        """The service, with its answers checked."""
        from dbfleet.console.access.service import Provider

        return Provider(request, app=super().get_provider(request, provider, client_id=client_id).app)

    def get_requests_session(self) -> Any:
        """What the service is asked with: its own authority is believed, where the settings have one."""
        session = super().get_requests_session()
        if settings.PLACES.oidc_ca:
            from dbfleet.console.access.service import Trusting

            session.mount("https://", Trusting(settings.PLACES.oidc_ca))
        return session

    def is_open_for_signup(self, request: Any, sociallogin: Any) -> bool:
        """Whoever the service lets in may come in; that shows them nothing."""
        return True

    def is_auto_signup_allowed(self, request: Any, sociallogin: Any) -> bool:
        """Without a form."""
        return True

    def on_authentication_error(
        self, request: Any, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """A page that says whose fault it is; what exactly was wrong is in web's log, for whoever can mend it."""
        raise ImmediateHttpResponse(not_let_in(request, exception))

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


def not_let_in(request: Any, error: Exception | None) -> Any:
    """The page for a login by the service that did not come to its end."""
    from requests import RequestException

    from dbfleet.console.access.service import NotWelcome

    hint = "try again, or log in by a password: /login"
    if isinstance(error, NotWelcome):
        return errors.answer(request, 403, str(error), hint="an admin of the console can say who is let in")
    if isinstance(error, RequestException):
        log.warning("a login by %s: the service is away: %s", settings.OIDC_NAME, str(error)[:300])
        return errors.answer(request, 503, f"{settings.OIDC_NAME} does not answer", hint=hint)
    if error is not None:
        log.warning("a login by %s was refused: %s", settings.OIDC_NAME, str(error)[:300])
    told = f"{settings.OIDC_NAME} did not say who you are" if error else "this login is too old, or began elsewhere"
    return errors.answer(request, 401, told, hint=hint, title="Not logged in")
