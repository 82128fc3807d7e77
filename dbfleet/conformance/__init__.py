"""The conformance suite: every adapter must pass it, on real servers first. It ships with dbfleet, so that an outside
engine can be held to it too.

    pytest -p dbfleet.conformance.plugin --pyargs dbfleet.conformance --url postgresql://user@host/db
    pytest -p dbfleet.conformance.plugin --pyargs dbfleet.conformance --engine mysql

`--url` takes an existing server, with a database for tests: the suite makes and drops collections whose names begin
with dbfleet_t. `--engine` starts a server through dbfleet's own runtimes. Both may be given several times; without
either, the suite runs on SQLite and on every engine whose server the `embedded` extra brings. An engine that was named
and cannot be started is a failure, never a skip. Tests name capabilities, not engines: what differs is data on the
engine's spec.
"""
