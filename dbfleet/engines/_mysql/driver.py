"""Which half of mysql-connector-python runs in this process, and what it raises.

The driver has two halves: a C extension, and pure Python that reads rows four times slower. It takes the second without
a word when the first cannot be loaded, and on systems with OpenSSL before 3.2 (Debian 12, Ubuntu 22.04) the extension
loads only before anything else has imported `ssl`: `load_driver` sees to that where it still can, and
`implementation()` says which half runs.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final

_CA_FILES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def load_driver() -> None:
    """Import the driver, its C extension first where that is still possible."""
    if "mysql.connector" in sys.modules:
        return
    first = "ssl" not in sys.modules
    with contextlib.suppress(ImportError):
        import _mysql_connector  # noqa: F401
    if first:
        import ssl

        # Where the extension came first, Python's own ssl now runs on the OpenSSL that it brought, whose compiled-in
        # places hold no certificates: another adapter in this process could verify nobody.
        paths = ssl.get_default_verify_paths()
        if not (paths.cafile or paths.capath):
            found = next((path for path in _CA_FILES if os.path.exists(path)), None)
            if found:
                os.environ.setdefault(paths.openssl_cafile_env, found)
    import mysql.connector  # noqa: F401


def implementation() -> str:
    """Which half of the driver runs in this process: "C extension" or "pure Python". Imports the driver."""
    load_driver()
    import mysql.connector

    return "C extension" if mysql.connector.HAVE_CEXT else "pure Python"


def driver_errors() -> tuple[type[Exception], ...]:
    """What the driver raises, of both halves. Once it is loaded."""
    import mysql.connector

    low = sys.modules.get("_mysql_connector")
    return (mysql.connector.Error, low.MySQLInterfaceError) if low else (mysql.connector.Error,)
