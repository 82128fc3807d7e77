"""SQL*Plus, in the container and on this machine. It is written from the manual; no Oracle Database has run it yet.

SQL*Plus takes a password in an argument, at a prompt or in a script. So a shell writes a script of mode 0600 that
connects, starts SQL*Plus with it, and removes it when SQL*Plus has ended. A refused login ends SQL*Plus.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Final

from dbfleet.target import Target

# A password in Oracle holds no double quote. With `set define off` an & in it is no variable.
_CONNECTED: Final = r"""
umask 077
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap : INT
printf '%s\n' 'set define off' 'whenever sqlerror exit failure' \
    "connect $DBFLEET_SQLPLUS_USER/\"$DBFLEET_SQLPLUS_PASSWORD\"@//$DBFLEET_SQLPLUS_SERVICE" \
    'whenever sqlerror continue' 'set define on' >"$folder/connect.sql"
unset DBFLEET_SQLPLUS_PASSWORD
"$0" /nolog "@$folder/connect.sql"
"""

CLIENT: Final = (
    "sh",
    "-c",
    'DBFLEET_SQLPLUS_USER="{user}" DBFLEET_SQLPLUS_SERVICE="127.0.0.1:1521/{database}"\n'
    'DBFLEET_SQLPLUS_PASSWORD="$(cat /run/secrets/password)"' + _CONNECTED,
    "sqlplus",
)


def shell(target: Target) -> tuple[Sequence[str], Mapping[str, str]]:
    """sqlplus on this machine."""
    service = f"{target.host or '127.0.0.1'}:{target.port or 1521}/{target.database or 'FREEPDB1'}"
    program = shutil.which("sqlplus")
    if target.user is None or target.password is None or program is None:
        return ["sqlplus", f"{target.user or ''}@//{service}"], {}
    login = {"USER": target.user, "PASSWORD": target.password, "SERVICE": service}
    return ["sh", "-c", _CONNECTED, program], {f"DBFLEET_SQLPLUS_{word}": text for word, text in login.items()}


def reader_options(owner: Target) -> Mapping[str, str]:
    """The options that a reader's URL has besides the owner's: whose schema its plain names mean."""
    return {"schema": owner.options.get("schema") or (owner.user or "").upper()}
