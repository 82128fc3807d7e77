"""cqlsh, in the container and on this machine. The password is in a file that cqlsh reads, never in its arguments.

In the container that file is `~/.cassandra/credentials`, which the stack writes. cqlsh takes no password from its
environment, so on this machine a shell writes a file of mode 0600 and removes it when cqlsh has ended.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Final

from dbfleet.target import Target

CLIENT: Final = ("cqlsh", "-u", "{user}", "-k", "{database}")

_WITH_CREDENTIALS: Final = """
file=$(mktemp) || exit 1
trap 'rm -f "$file"' EXIT
trap : INT
printf '%s\\n' '[PlainTextAuthProvider]' "username = $DBFLEET_CQLSH_USER" "password = $DBFLEET_CQLSH_PASSWORD" >"$file"
unset DBFLEET_CQLSH_PASSWORD
"$0" --credentials "$file" "$@"
"""


def shell(target: Target) -> tuple[Sequence[str], Mapping[str, str]]:
    """cqlsh on this machine."""
    hosts = (target.host or "127.0.0.1").split(",")  # cqlsh takes one
    argv = [*(["-k", target.database] if target.database else []), hosts[0], str(target.port or 9042)]
    program = shutil.which("cqlsh")
    if target.user is None or target.password is None or program is None:
        return ["cqlsh", *(["-u", target.user] if target.user is not None else []), *argv], {}
    login = {"DBFLEET_CQLSH_USER": target.user, "DBFLEET_CQLSH_PASSWORD": target.password}
    return ["sh", "-c", _WITH_CREDENTIALS, program, *argv], login
