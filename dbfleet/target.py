"""Where a database is: a name, an engine and the parts of a URL. No password is ever shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Target:
    """A name, an engine, and where it is. `repr` and `url()` never show the password.

    `database` is what the engine calls a database, a keyspace, a service or the path of a file. `options` are the
    URL's query (`?sslmode=require`): they are passed to the driver under the names that the engine's package lists.
    `managed` is true for a target that the fleet's runtime starts. With `create`, `connect` makes the file or keyspace
    that the target names if it is missing, where the engine can; only up, seed, load and copy set it. With `read_only`,
    `connect` opens a session that the engine's guard (`EngineSpec.guard`) keeps from writing.
    """

    name: str
    engine: str
    scheme: str
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    managed: bool = False
    create: bool = False
    read_only: bool = False

    def url(self, *, reveal: bool = False) -> str:
        """The URL of this target; passwords in it are `***` unless `reveal` is set."""
        login = ""
        if self.user is not None or self.password is not None:
            login = quote(self.user or "", safe="")
            if self.password is not None:
                login += ":" + (quote(self.password, safe="") if reveal else "***")
            login += "@"
        host = self.host or ""
        if ":" in host and "," not in host:  # IPv6; a list of hosts is left as it is
            host = f"[{host}]"
        port = f":{self.port}" if self.port is not None else ""
        path = "/" + quote(self.database, safe="/") if self.database is not None else ""
        query = "?" + "&".join(
            f"{quote(k, safe='')}={quote(v, safe='') if reveal or not is_secret(k) else '***'}"
            for k, v in self.options.items()
        )
        return f"{self.scheme}://{login}{host}{port}{path}{query if self.options else ''}"

    def with_(self, **changes: Any) -> Target:
        """A copy of this target with these fields changed."""
        return replace(self, **changes)


def is_secret(option: str) -> bool:
    """Whether the URL's option of this name may hold a secret."""
    return any(word in option.lower() for word in ("password", "passwd", "pwd", "secret", "token", "key"))
