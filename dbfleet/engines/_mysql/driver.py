"""Which half of mysql-connector-python runs in this process, and what it raises.

The driver has two halves: a C extension, and pure Python that reads rows four times slower. Where the extension cannot
be loaded, the driver uses the other half and does not say so. On systems with OpenSSL before 3.2 (Debian 12, Ubuntu
22.04) the extension can be loaded only before `ssl` is imported. `load_driver` does that where it still can, and
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

        # Where the extension came first, Python's own ssl now uses the OpenSSL that came with it, which looks for
        # certificates in places where there are none: no other adapter in this process could verify a server.
        paths = ssl.get_default_verify_paths()
        if not (paths.cafile or paths.capath):
            ca_file = next((path for path in _CA_FILES if os.path.exists(path)), None)
            if ca_file:
                os.environ.setdefault(paths.openssl_cafile_env, ca_file)
    import mysql.connector  # noqa: F401


def implementation() -> str:
    """Which half of the driver runs in this process: "C extension" or "pure Python". Imports the driver."""
    load_driver()
    import mysql.connector

    return "C extension" if mysql.connector.HAVE_CEXT else "pure Python"


def driver_errors() -> tuple[type[Exception], ...]:
    """The exceptions of both halves of the driver, which must be loaded."""
    import mysql.connector

    low = sys.modules.get("_mysql_connector")
    return (mysql.connector.Error, low.MySQLInterfaceError) if low else (mysql.connector.Error,)
