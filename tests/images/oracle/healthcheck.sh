#!/usr/bin/env bash
# Whether the service, FREEPDB1 or the one that is named, lets a client in: the listener's part of a login.
exec python3 -m tests.doubles.oracle.probe --port 1521 --service "${1:-${ORACLE_DATABASE:-FREEPDB1}}"
