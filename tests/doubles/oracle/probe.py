"""Ask a listener for a service, as a client's first packet does: exit 0 where it accepts, 1 otherwise.

python -m tests.doubles.oracle.probe --port 1521 --service FREEPDB1
"""

from __future__ import annotations

import argparse
import socket
import struct
import sys
from typing import Final

_CONNECT: Final = 1
_ACCEPT: Final = 2


def accepts(host: str, port: int, service: str, *, timeout_s: float = 5.0) -> bool:
    """Whether the service is there. False too where nobody listens or the answer does not come."""
    text = f"(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME={service})))".encode()
    payload = bytes(16) + struct.pack(">H", len(text)) + bytes(48) + text
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(struct.pack(">HHBBH", len(payload) + 8, 0, _CONNECT, 0, 0) + payload)
            head = connection.recv(8)
    except OSError:
        return False
    return len(head) > 4 and head[4] == _ACCEPT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.oracle.probe", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--service", required=True)
    given = parser.parse_args()
    return 0 if accepts(given.host, given.port, given.service) else 1


if __name__ == "__main__":
    sys.exit(main())
