"""python -m tests.doubles.sqlserver --port 0 --user sa --password-file FILE: prints its port."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
import threading
from pathlib import Path

from tests.doubles.sqlserver.accounts import Accounts
from tests.doubles.sqlserver.server import Server
from tests.doubles.sqlserver.store import Databases


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.sqlserver", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user", default="sa")
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--database", action="append", default=[], help="made at the start, besides master")
    parser.add_argument("--data", type=Path, help="where databases are kept; a fresh folder that goes if not given")
    parser.add_argument("--statements", type=Path, help="gets each batch that arrives, as a line of JSON")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    password = arguments.password_file.read_text().rstrip("\n")
    with tempfile.TemporaryDirectory(prefix="dbfleet-mssql") as folder:
        databases = Databases(arguments.data or Path(folder))
        for name in arguments.database:
            if databases.number(name) is None:
                databases.make(name)
        logins = Accounts(arguments.user, password)
        server = Server((arguments.host, arguments.port), databases, logins, statements=arguments.statements)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        print(server.server_address[1], flush=True)
        with server:
            server.serve_forever()
    sys.exit(0)


if __name__ == "__main__":
    main()
