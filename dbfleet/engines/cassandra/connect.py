"""A session on the target's keyspace, and which database it is.

A missing keyspace is made for a target with `create` and for one that the fleet manages, but not for reading only. The
driver reads timestamps through floats, so the session reads them in our way (`cassandra.wire`).
"""

from __future__ import annotations

from dbfleet.engines.cassandra.errors import translate
from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.text import quote
from dbfleet.engines.cassandra.wire import protocol_handler
from dbfleet.errors import AuthFailed, UsageError, translated
from dbfleet.target import Target


def opened(target: Target, timeout_s: float) -> Session:
    """A session that is logged in. AuthFailed or Unavailable within about `timeout_s`."""
    import logging

    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
    from cassandra.query import tuple_factory

    for option in target.options:
        if option != "consistency":
            raise UsageError(f"a Cassandra URL has no option {option!r}", hint="it has: consistency")
    name = target.options.get("consistency")
    consistency = _consistency(name) if name else None
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)  # what it logs comes as an error too
    login = PlainTextAuthProvider(target.user, target.password or "") if target.user is not None else None
    hosts = [host.rpartition(":")[0] or host for host in (target.host or "").split(",")]
    profile = ExecutionProfile(row_factory=tuple_factory, request_timeout=60.0)
    with translated(translate, engine="cassandra", target=target.name):
        cluster = Cluster(
            hosts,
            port=target.port or 9042,
            auth_provider=login,
            connect_timeout=timeout_s,
            control_connection_timeout=timeout_s,
            schema_metadata_enabled=False,
            token_metadata_enabled=False,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        )
    try:
        with translated(translate, engine="cassandra", target=target.name):
            driver = cluster.connect()
        driver.client_protocol_handler = protocol_handler()
        session = Session(target, cluster, driver, consistency)
        _choose_keyspace(session)
    except BaseException:
        cluster.shutdown()
        raise
    return session


def _consistency(name: str) -> int:
    """The driver's number of a level; `local_quorum` and `LOCAL-QUORUM` are the same."""
    from cassandra import ConsistencyLevel

    word = name.upper().replace("-", "_")
    if word not in ConsistencyLevel.name_to_value:
        known = ", ".join(ConsistencyLevel.name_to_value)
        raise UsageError(f"no consistency is called {name!r}", hint=f"the consistencies are: {known}")
    level: int = ConsistencyLevel.name_to_value[word]
    return level


def _choose_keyspace(session: Session) -> None:
    target, name = session.target, session.keyspace
    if not name:
        return
    if not session.rows("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s", (name,)):
        if target.read_only or not (target.create or target.managed):
            raise AuthFailed(
                f"no keyspace {name!r}", engine="cassandra", target=target.name, hint="seed, load and copy make it"
            )
        session.rows(
            f"CREATE KEYSPACE IF NOT EXISTS {quote(name)} "
            "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
        )
    with session.translated():
        session.driver.set_keyspace(name)


def identity(session: Session) -> str:
    """The cluster's nodes by their ids and addresses, and the keyspace. A copy of a single node may have the same id
    and, in a container, the same address, but it was started at another moment."""
    driver = session.driver
    with session.translated():
        host = next(iter(driver.hosts))  # all answers come from one node: each node lists the others
        answer = driver.execute("SELECT * FROM system.local", host=host)
        local = dict(zip(answer.column_names, answer.one(), strict=True))
        peers = driver.execute("SELECT host_id, peer FROM system.peers", host=host)
        nodes = {f"{id_} {address}" for id_, address in peers if id_ is not None}
    if not nodes:
        words = ("rpc_port", "gossip_generation")
        nodes = {" ".join(str(local[word]) for word in words if word in local)}
    nodes.add(f"{local['host_id']} {local['broadcast_address']}")
    return f"cassandra {local['cluster_name']} {' '.join(sorted(nodes))} {session.keyspace}"
