"""A provider of OpenID Connect, a real one: django-allauth's own (`allauth.idp.oidc`), as a process of its own.

    python oidc_provider.py FOLDER HOST PORT REDIRECT_URL…

It speaks TLS where FOLDER/tls has a certificate.pem and key.pem.
Its people are PEOPLE, its one client is `console`. What FOLDER/lies.json says is put in the place of the truth, after
the provider has made it and before it is signed: `id_token`, `userinfo` and `metadata` are claims to replace (null
removes one), `keys` publishes another key under the same name, `token` leaves the ID token out or signs it another way.
"""

from __future__ import annotations

import json
import ssl
import sys
from pathlib import Path
from typing import Any, Final

PASSWORD: Final = "the provider's password"
SECRET: Final = "what the console and the provider share"
PEOPLE: Final = {"anna": True, "otto": True, "eve": False}
"""Names, and whether the provider has verified their address, which is NAME@example.org."""


def _serve(folder: Path, host: str, port: int, back: list[str]) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    def fresh() -> str:
        key = rsa.generate_private_key(65537, 2048)
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()

    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="only the provider's",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=sys.modules["__main__"],
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "provider.sqlite")}},
        INSTALLED_APPS=[
            "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
            "allauth", "allauth.account", "allauth.idp.oidc",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[{
            "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }],
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SESSION_COOKIE_NAME="provider", CSRF_COOKIE_NAME="provider-csrf",
        ACCOUNT_EMAIL_VERIFICATION="none", ACCOUNT_RATE_LIMITS=False,
        IDP_OIDC_ADAPTER="__main__.Adapter", IDP_OIDC_PRIVATE_KEY=fresh(), OTHER_KEY=fresh(), FOLDER=folder,
        LOGGING_CONFIG=None,
    )  # fmt: skip
    django.setup()
    _found(back)
    from django.core.servers.basehttp import WSGIServer, run
    from django.core.wsgi import get_wsgi_application

    class Server(WSGIServer):
        def server_activate(self) -> None:
            super().server_activate()
            if (folder / "tls").exists():
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(folder / "tls" / "certificate.pem", folder / "tls" / "key.pem")
                self.socket = context.wrap_socket(self.socket, server_side=True)

        def setup_environ(self) -> None:
            super().setup_environ()
            if (folder / "tls").exists():
                self.base_environ["HTTPS"] = "on"

    ready = folder / "ready"
    run(host, port, get_wsgi_application(), threading=True, on_bind=lambda _: ready.touch(), server_cls=Server)


def _found(back: list[str]) -> None:
    """The tables, the people, the client; the URLs and the adapter, which need Django to be set up."""
    from allauth.account.models import EmailAddress
    from allauth.idp.oidc.adapter import DefaultOIDCAdapter
    from allauth.idp.oidc.models import Client
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.http import JsonResponse
    from django.urls import include, path
    from django.views.decorators.csrf import csrf_exempt

    def lies(about: str) -> dict[str, Any]:
        file: Path = settings.FOLDER / "lies.json"
        return dict(json.loads(file.read_text()).get(about, {})) if file.exists() else {}

    def put(truth: dict[str, Any], about: str) -> None:
        truth.update(lies(about))
        for name in [name for name, value in truth.items() if value is None]:
            del truth[name]

    class Adapter(DefaultOIDCAdapter):
        def populate_id_token(self, id_token: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            put(id_token, "id_token")

        def get_claims(self, purpose: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
            found: dict[str, Any] = super().get_claims(purpose, *args, **kwargs)
            if purpose == "userinfo":
                put(found, "userinfo")
            return found

        def populate_server_metadata(self, data: dict[str, Any]) -> None:
            put(data, "metadata")

    def keys(request: Any) -> Any:
        from allauth.idp.oidc.views import jwks

        answer = jwks(request)
        if lies("keys"):
            from allauth.core.internal import jwkkit

            published = json.loads(answer.content)
            other, _ = jwkkit.load_jwk_from_pem(settings.OTHER_KEY)
            published["keys"][0].update(n=other["n"])
            return JsonResponse(published)
        return answer

    def token(request: Any) -> Any:
        import jwt
        from allauth.idp.oidc import views

        answer = views.token(request)
        told, how = json.loads(answer.content), lies("token")
        if "id_token" not in told or not how:
            return answer
        if how == {"id_token": None}:
            del told["id_token"]
        else:  # as who has no key of the provider's would sign it
            claims = jwt.decode(told["id_token"], options={"verify_signature": False})
            named = {"kid": jwt.get_unverified_header(told["id_token"])["kid"]}
            told["id_token"] = jwt.encode(claims, how["secret"], algorithm=how["alg"], headers=named)
        return JsonResponse(told)

    main = sys.modules["__main__"]
    main.Adapter = Adapter  # type: ignore[attr-defined]
    main.urlpatterns = [  # type: ignore[attr-defined]
        path(".well-known/jwks.json", keys),
        path("identity/o/api/token", csrf_exempt(token)),
        path("accounts/", include("allauth.account.urls")),
        path("", include("allauth.idp.urls")),
    ]

    call_command("migrate", verbosity=0)
    for name, verified in PEOPLE.items():
        user = User.objects.create_user(name, password=PASSWORD)
        EmailAddress.objects.create(user=user, email=f"{name}@example.org", verified=verified, primary=True)
    client = Client(
        id="console", name="console", scopes="openid\nprofile\nemail", redirect_uris="\n".join(back), skip_consent=True
    )
    client.set_secret(SECRET)
    client.save()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
