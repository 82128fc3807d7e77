"""Run the double: `python -m tests.doubles.oracle --port 0 --user dbfleet --password-file FILE`. Prints its port."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from types import FrameType

from tests.doubles.oracle.session import Server


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.doubles.oracle", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--user", default="dbfleet")
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--service", default="FREEPDB1")
    parser.add_argument("--data", type=Path, help="where tables are kept; a fresh folder that goes if not given")
    parser.add_argument("--statements", type=Path, help="write each statement that arrives to this file, as JSON Lines")
    given = parser.parse_args()
    password = given.password_file.read_text().rstrip("\n")
    server = Server(
        given.host,
        given.port,
        user=given.user,
        password=password,
        service=given.service,
        data=given.data,
        statements=given.statements,
    )

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever()
    finally:
        server.store.close()


if __name__ == "__main__":
    main()
