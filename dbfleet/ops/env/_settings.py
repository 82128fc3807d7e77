"""`env --format django`: settings for Django 5.2, as Python that can be pasted, imported or exec'd.

Rules. No password is in the text: each comes from the variable that `dbfleet env` exports. An alias a target, in the
order of the targets. `default` is the first target that was named and has a database backend; where none was named,
the first whose backend comes with Django, else the first. The same targets give the same text.

An entry of DATABASES depends on the backend alone (`_ENTRIES`), which the engine's spec names. What has none is told in
a comment, with what to use instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.errors import UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops._python import Code, assigned, comment, literal
from dbfleet.ops.env import _chosen
from dbfleet.spec import EngineSpec
from dbfleet.target import Target, is_secret

_OWN: Final = "django.db.backends."
"""The backends that come with Django."""


Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Named:
    """A target with its name in the settings, and the variable that holds its URL."""

    alias: str
    target: Target
    spec: EngineSpec
    variable: str


def django_settings(fleet: Fleet, names: Sequence[str] | None = None) -> str:
    """DATABASES, CACHES, DATABASE_ROUTERS and DBFLEET for the targets; without names as `env` chooses. UsageError where
    two of them would have one name."""
    chosen = _named(fleet, list(_chosen.targets(fleet, names)))
    settings = _settings(chosen, named=bool(names))
    return f"{_head(chosen)}\n{_secrets(settings)}\n{settings}"


def _named(fleet: Fleet, chosen: Sequence[Target]) -> list[_Named]:
    found: dict[str, _Named] = {}
    for target in chosen:
        each = _Named(_chosen.name_of(fleet, target), target, fleet.spec(target), _chosen.url_variable(fleet, target))
        hint = f"give each a name of its own in {fleet.target_file}"
        if each.alias == "default":
            raise UsageError("no target can be called default: Django has a database of this name", hint=hint)
        if other := found.get(each.variable):
            both = "two targets" if other.alias == each.alias else f"{other.alias} and {each.alias}"
            raise UsageError(f"{both} would have their URLs in one variable, {each.variable}", hint=hint)
        found[each.variable] = each
    return list(found.values())


def _secrets(settings: str) -> str:
    """The imports and functions by which the settings get what must not stand in them."""
    asked = {"_password(": ("unquote", _UNQUOTED), "_option(": ("parse_qs", _BY_OPTION)}
    used = [each for call, each in asked.items() if call in settings]
    if not used:
        return ""
    names = ", ".join(sorted(["urlsplit", *(name for name, _ in used)]))
    return "\n\n".join([_IMPORTS.format(names=names), _URL, *(text for _, text in used)]) + "\n"


def _settings(chosen: Sequence[_Named], *, named: bool) -> str:
    databases = [each for each in chosen if each.spec.django]
    caches = [each for each in chosen if each.spec.django_cache]
    read = [each for each in chosen if not each.spec.django]
    entries = {each.alias: _database(each) for each in databases}
    blocks = [_TIME_ZONE, assigned("DATABASES", entries, {each.alias: _about(each.spec) for each in databases})]
    own = [each for each in databases if each.spec.django and each.spec.django.startswith(_OWN)]
    first = next(iter([*(() if named else own), *databases]), None)
    blocks.append(_DEFAULT.format(name=literal(first.alias)) if first else 'DATABASES["default"] = {}')
    blocks.append('DATABASE_ROUTERS = ["dbfleet.django.Router"]')
    if caches:
        blocks.append(_CACHES + assigned("CACHES", {each.alias: _cache(each) for each in caches}))
        blocks.append(f'CACHES["default"] = CACHES[{literal(caches[0].alias)}]')
    if read:
        told = "".join(_without(each.alias, each.spec) for each in read)
        blocks.append(told + assigned("DBFLEET", {each.alias: each.variable for each in read}))
    return "\n\n".join(blocks) + "\n"


# --- the words ------------------------------------------------------------------------------------------------------

_IMPORTS: Final = """\
import os
from urllib.parse import {names}

from django.core.exceptions import ImproperlyConfigured
"""

_URL: Final = '''\
def _url(variable):
    """The URL that `dbfleet env` exports under this name, in its parts."""
    if variable not in os.environ:
        raise ImproperlyConfigured(f'{variable} is not set: run eval "$(dbfleet env)" before Django')
    return urlsplit(os.environ[variable])
'''

_UNQUOTED: Final = """\
def _password(variable):
    return unquote(_url(variable).password or "")
"""

_BY_OPTION: Final = """\
def _option(variable, name):
    return parse_qs(_url(variable).query)[name][0]
"""

_TIME_ZONE: Final = """\
# What dbfleet calls an instant is an aware datetime.
USE_TZ = True"""

_DEFAULT: Final = """\
DATABASES["default"] = {{**DATABASES[{name}], "TEST": {{"MIRROR": {name}}}}}"""

_CACHES: Final = """\
# A cache has the database behind the target's own: cache.clear() empties its database.
"""

_NEEDS: Final[Mapping[str, str]] = {
    "dbfleet.django.sqlserver": "mssql-django",
}
"""What a backend needs besides dbfleet[django]."""

_ABOUT: Final[Mapping[str, str]] = {
    "dbfleet.django.mysql": "by mysql-connector-python, which dbfleet brings along; where mysqlclient is installed, "
    "django.db.backends.mysql does as well",
    "dbfleet.django.sqlserver": "mssql-django, by mssql-python, which brings its own driver",
    "dbfleet.django.oracle": "Django's own backend, but with names in their own case",
    "dbfleet.django.sqlite": "Django's own backend, with decimals that are compared and summed up exactly",
    "dbfleet.django.mongodb": "django-mongodb-backend, with compound keys",
}


def _head(chosen: Sequence[_Named]) -> str:
    backends = {each.spec.django or "" for each in chosen}
    needs = sorted(_NEEDS[backend] for backend in backends & set(_NEEDS))
    aliases = [each.alias for each in chosen]
    lines = [
        f"Settings for Django 5.2, by: dbfleet env --format django {' '.join(aliases)}".rstrip(),
        'Passwords come from the environment. In the shell that starts Django: eval "$(dbfleet env)"',
        f"Packages: dbfleet[django]{''.join(f', {need}' for need in needs)}.",
    ]
    return "\n".join(comment(line) for line in lines)


def _about(spec: EngineSpec) -> str:
    more = _ABOUT.get(spec.django or "")
    return comment(f"{spec.title}{f': {more}' if more else ''}.", " " * 4) + "\n"


def _without(alias: str, spec: EngineSpec) -> str:
    cache = ", which is a cache here" if spec.django_cache else ""
    return (
        comment(
            f"{alias}: Django has no database backend for {spec.title}{cache}. Its rows are read by the classes that "
            f"`dbfleet models --format django {alias}` writes."
        )
        + "\n"
    )


# --- the entries ----------------------------------------------------------------------------------------------------


def _database(named: _Named) -> Entry:
    backend = named.spec.django or ""
    entry: Entry = {"ENGINE": backend, **_ENTRIES.get(backend, _server)(named.target, named.variable)}
    return {key: value for key, value in entry.items() if value not in (None, {})}


def _server(target: Target, variable: str, options: Entry | None = None) -> Entry:
    return {
        "HOST": target.host,
        "PORT": target.port,
        "NAME": target.database,
        "USER": target.user,
        "PASSWORD": _password(target, variable),
        "OPTIONS": _options(target, variable) if options is None else options,
    }


def _password(target: Target, variable: str) -> Code | None:
    return Code(f"_password({literal(variable)})") if target.password is not None else None


def _options(target: Target, variable: str, names: Mapping[str, str] | None = None) -> Entry:
    """The URL's options; with `names` only these, under the driver's names."""
    return {
        names[name] if names else name: (
            Code(f"_option({literal(variable)}, {literal(name)})") if is_secret(name) else value
        )
        for name, value in target.options.items()
        if names is None or name in names
    }


def _postgres(target: Target, variable: str) -> Entry:
    options = _options(target, variable)
    path = options.pop("search_path", options.pop("schema", None))
    if path:
        options["options"] = f"{options.get('options', '')} -c search_path={path}".strip()
    return _server(target, variable, options)


_MYSQL_TLS: Final[Mapping[str, Entry]] = {
    "disabled": {"ssl_disabled": True},
    "disable": {"ssl_disabled": True},
    "verify_ca": {"ssl_verify_cert": True},
    "verify_identity": {"ssl_verify_cert": True, "ssl_verify_identity": True},
    "verify_full": {"ssl_verify_cert": True, "ssl_verify_identity": True},
}


def _mysql(target: Target, variable: str) -> Entry:
    names = {"ssl_ca": "ssl_ca", "ssl_cert": "ssl_cert", "ssl_key": "ssl_key", "socket": "unix_socket"}
    given = {name.replace("-", "_").lower(): value for name, value in target.options.items()}
    mode = given.get("ssl_mode", given.get("sslmode", "")).replace("-", "_").lower()
    # Without it a TIMESTAMP comes in the time zone of the server.
    options: Entry = {"init_command": "SET time_zone = '+00:00'", **_MYSQL_TLS.get(mode, {})}
    options |= {names[name]: value for name, value in given.items() if name in names}
    return _server(target, variable, options)


def _oracle(target: Target, variable: str) -> Entry:
    # With a PORT, Django takes NAME for a SID.
    scheme = "tcps://" if target.options.get("protocol") == "tcps" else ""
    service = target.options.get("sid") or target.database
    if "sid" in target.options:
        return {**_server(target, variable, {}), "NAME": service}
    name = f"{scheme}{target.host}:{target.port}/{service}"
    return {**_server(target, variable, {}), "HOST": None, "PORT": None, "NAME": name}


def _sqlserver(target: Target, variable: str) -> Entry:
    # The driver asks for a certificate of an authority unless told; dbfleet's own driver does not.
    trust = "Encrypt=no" if target.options.get("encryption") == "off" else "TrustServerCertificate=yes"
    return _server(target, variable, {"python_driver": "mssql_python", "extra_params": trust})


def _mongodb(target: Target, variable: str) -> Entry:
    port = None if target.scheme.endswith("+srv") or not target.port else target.port
    entry = _server(target, variable)
    return {**entry, "HOST": f"{target.scheme}://{target.host}{f':{port}' if port else ''}", "PORT": None,
            "NAME": target.database or "test"}  # fmt: skip


_ENTRIES: Final[Mapping[str, Callable[[Target, str], Entry]]] = {
    "django.db.backends.postgresql": _postgres,
    "dbfleet.django.mysql": _mysql,
    "dbfleet.django.oracle": _oracle,
    "dbfleet.django.sqlserver": _sqlserver,
    "dbfleet.django.sqlite": lambda target, variable: {"NAME": target.database},
    "dbfleet.django.mongodb": _mongodb,
}


def _cache(named: _Named) -> Entry:
    target, spec, variable = named.target, named.spec, named.variable
    number = int(target.options.get("db") or target.database or 0) + 1
    tls = {"valkeys": "rediss", "valkey": "redis"}.get(target.scheme, target.scheme)
    options = {
        "username": target.user if target.password is not None else None,
        "password": _password(target, variable),
        **_options(target, variable, {name: name for name in target.options if name.startswith("ssl_")}),
    }
    return {
        "BACKEND": spec.django_cache,
        "LOCATION": f"{tls}://{target.host}:{target.port}/{number}",
        "OPTIONS": {name: value for name, value in options.items() if value is not None},
    }
