"""Which server answers, and which database of it. Needs pymongo: imported only behind a connection."""

from __future__ import annotations

import time
from typing import Any

from pymongo.errors import OperationFailure

from dbfleet.adapter import ServerInfo
from dbfleet.engines.mongodb.session import NAME, Document, Session


def ping(session: Session) -> ServerInfo:
    """One round trip: who answers."""
    started = time.perf_counter()
    info = session.client.admin.command("buildInfo")
    latency_s = time.perf_counter() - started
    if "ferretdb" in info or "ferretdbVersion" in info:
        return ServerInfo("FerretDB", info.get("ferretdbVersion", info["version"]), latency_s)
    product = "Percona Server for MongoDB" if "psmdbVersion" in info else "MongoDB"
    return ServerInfo(product, info["version"], latency_s)


def identity(session: Session) -> str:
    """Which server, and which database of it. A replica set has an id of its own; its members stand for it where the
    user may not see that. A router has the cluster's id. A single server has the id of its process, which no copy of
    its files has."""
    client = session.client
    hello = client.admin.command("hello")
    process = (hello.get("topologyVersion") or {}).get("processId")
    if hello.get("setName"):
        asked = _may(client.admin.command, "replSetGetConfig")
        number = ((asked or {}).get("config", {}).get("settings") or {}).get("replicaSetId")
        who = f"set {hello['setName']} {number or ','.join(sorted(hello.get('hosts', ())))}"
    elif hello.get("msg") == "isdbgrid":
        version = _may(client.config.version.find_one, {}) or {}
        who = f"cluster {version.get('clusterId', process)}"
    elif process:
        who = f"process {process}"
    else:  # older than 4.4, or another product
        status = _may(client.admin.command, "serverStatus") or {}
        who = f"host {status['host']} {status.get('pid')}" if "host" in status else f"address {client.address}"
    return f"{NAME} {who} {session.database.name}"


def _may(ask: Any, what: Any) -> Document | None:
    """What the server answers; None where it does not know the question, or this user may not ask."""
    try:
        reply: Document | None = ask(what)
    except OperationFailure:
        return None
    return reply
