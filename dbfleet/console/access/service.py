"""The other service that people log in by (OpenID Connect): what it is asked, and what of its answers is believed.

Rule: an answer counts only if all of it fits. Its ID token is signed by a key that the service publishes, by a method
with two keys; it is for this console, from the issuer that is configured, of now, and of this very login (the nonce is
made from PKCE's verifier, which the session keeps). What the service says of the person is of the person whom the token
names. Somebody is known by issuer and subject, never by a name or an address, so neither another service nor another
person with the same address becomes somebody who is there.

django-allauth does the walk: state, PKCE, the exchange of the code. It would go without an ID token, or with one that
nobody has signed, as it comes over TLS: here that is not enough, as the service may be asked without TLS.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.core.exceptions import PermissionDenied
from requests import RequestException
from requests.adapters import HTTPAdapter

NAME: Final = "sso"
"""What the service is called in the addresses of the console."""
CALLBACK: Final = "/oidc/sso/login/callback/"
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_METHODS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""How an ID token may be signed: never by a secret that both sides know, and never not at all."""
_CLOCKS_S: Final = 60
"""By how much the clocks of the service and of this machine may differ."""

Found = TypeVar("Found")


class NotWelcome(PermissionDenied):
    """The service knows the person, and the console's settings do not let them in. The message says why."""


class Service(OpenIDConnectOAuth2Adapter):
    """One login's talk with the service. OAuth2Error where an answer is wrong, RequestException where there is none."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """What the service says of itself. It must be the one that is configured."""
        found = _sound(lambda: dict(super(Service, self).openid_config))
        issuer = str(found.get("issuer", ""))
        if issuer.rstrip("/") != settings.OIDC_URL.removesuffix(_WELL_KNOWN).rstrip("/"):
            raise OAuth2Error(f"it calls itself {issuer!r}, which is not the configured issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not str(found.get(name, "")).startswith(("https://", "http://")):
                raise OAuth2Error(f"it does not say where its {name} is")
        return found

    def get_callback_url(self, request: Any, app: Any) -> str:
        """The address that the service sends people back to: the one that is registered there, whatever was typed."""
        return f"{settings.PLACES.url}{CALLBACK}"

    def get_access_token_data(self, request: Any, app: Any, client: Any, pkce_code_verifier: str | None = None) -> Any:
        """Exchange the code."""
        self.nonce = nonce(pkce_code_verifier or "")
        return _sound(
            lambda: super(Service, self).get_access_token_data(
                request, app, client, pkce_code_verifier=pkce_code_verifier
            )
        )

    def parse_token(self, data: Any) -> Any:
        """The token by which the service is asked about the person."""
        return _sound(lambda: super(Service, self).parse_token(data))

    def complete_login(self, request: Any, app: Any, token: Any, **kwargs: Any) -> Any:
        """Who it is; NotWelcome where the settings keep them out."""
        config = self.openid_config
        signed = kwargs["response"].get("id_token")
        if not isinstance(signed, str):
            raise OAuth2Error("it gave no ID token")
        claims = self._claims(signed, app.client_id, config)
        about = claims
        if config.get("userinfo_endpoint"):
            told = _sound(lambda: dict(self._fetch_user_info(token.token)))
            if told.get("sub") != claims["sub"]:
                raise OAuth2Error("it tells of another person than the one whom its ID token names")
            about = {**claims, **told}
        _keep_out(about)
        data = {"userinfo": {**about, "iss": config["issuer"]}}
        return _sound(lambda: self.get_provider().sociallogin_from_response(request, data))

    def _claims(self, signed: str, client: str, config: dict[str, Any]) -> dict[str, Any]:
        """What the ID token claims, once all of it was checked."""
        import jwt  # here, as it brings an OpenSSL of its own, which most webs never need

        try:
            key = _key(jwt, signed, self._published(config["jwks_uri"]))
            claims: dict[str, Any] = jwt.decode(
                signed, key, algorithms=list(_METHODS), audience=client, issuer=config["issuer"], leeway=_CLOCKS_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise OAuth2Error(f"its ID token is not taken: {error}") from error
        if claims.get("nonce") != self.nonce:
            raise OAuth2Error("its ID token is of another login")
        if claims.get("azp", client) != client:
            raise OAuth2Error("its ID token was given to somebody else")
        return claims

    def _published(self, address: str) -> Any:
        with get_adapter().get_requests_session() as session:
            answer = session.get(address)
            answer.raise_for_status()
            return answer.json()


class Provider(OpenIDConnectProvider):
    """The service as allauth knows it."""

    oauth2_adapter_class = Service

    def get_pkce_params(self) -> dict[str, str]:
        """PKCE's challenge, and the nonce that goes with its verifier."""
        found: dict[str, str] = super().get_pkce_params()
        return {**found, "nonce": nonce(found["code_verifier"])}

    def extract_uid(self, data: Any) -> str:
        """Who it is for good: a subject of this issuer."""
        told = data["userinfo"]
        return hashlib.sha256(json.dumps([told["iss"], told["sub"]]).encode()).hexdigest()

    def extract_extra_data(self, data: Any) -> dict[str, Any]:
        """What is kept of it: no more than that."""
        return {name: data["userinfo"][name] for name in ("iss", "sub")}

    def extract_email_addresses(self, data: Any) -> list[Any]:
        """None is kept."""
        return []


class Trusting(HTTPAdapter):
    """Connections that believe these certificates, as PEM, besides those of the public authorities."""

    def __init__(self, certificates: str) -> None:
        import ssl

        self._context = ssl.create_default_context(cadata=certificates)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Connections straight there."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Connections by a proxy."""
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)


def nonce(verifier: str) -> str:
    """A login's nonce: who sees it learns nothing of the verifier."""
    return hashlib.sha256(f"nonce of {verifier}".encode()).hexdigest()


def _keep_out(about: dict[str, Any]) -> None:
    """NotWelcome, unless the person's address is in one of the domains that are let in, and the service has verified
    it. Without such a setting everybody is let in whom the service lets in."""
    if not settings.OIDC_DOMAINS:
        return
    address = str(about.get("email") or "")
    if about.get("email_verified") not in (True, "true"):
        raise NotWelcome("the other service has not verified your e-mail address")
    name, _, domain = address.rpartition("@")
    if not name or domain.lower() not in settings.OIDC_DOMAINS:
        raise NotWelcome("people with your e-mail address are not let in here")


def _key(jwt: Any, signed: str, published: Any) -> Any:
    """The key that the token says it was signed with, of those that the service publishes."""
    wanted = jwt.get_unverified_header(signed).get("kid")
    keys = _sound(lambda: jwt.PyJWKSet.from_dict(published).keys)
    fitting = [key for key in keys if wanted is None or key.key_id == wanted]
    if len(fitting) != 1:
        raise OAuth2Error("its ID token is signed by a key that it does not publish")
    return fitting[0]


def _sound(read: Callable[[], Found]) -> Found:
    """What `read` makes of an answer; OAuth2Error where the answer has another form than it must."""
    try:
        return read()
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, RequestException):  # one that is a ValueError too
            raise OAuth2Error("it does not answer with JSON") from error
        raise OAuth2Error(f"its answer cannot be read: {type(error).__name__} {error}"[:200]) from error
