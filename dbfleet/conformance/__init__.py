"""The conformance suite: what every adapter is held to, real servers first. It ships, so that an outside engine can be
held to it too.

    pytest -p dbfleet.conformance.plugin --pyargs dbfleet.conformance --url postgresql://user@host/db
    pytest -p dbfleet.conformance.plugin --pyargs dbfleet.conformance --engine mysql

`--url` takes a server that is there already (a database to play in: the suite makes and drops collections whose names
begin with dbfleet_t), `--engine` starts one through dbfleet's own runtimes; both may be given several times. Without
either: SQLite, and every engine whose server the `embedded` extra carries. Asked for and not startable is a failure,
never a skip. Tests name capabilities, not engines: what differs is data on the engine's spec.
"""
