"""Much data goes past Docker's proxy, to the container's own address; all else goes to the port."""

from __future__ import annotations

import pytest

from dbfleet import own
from dbfleet.fleet import Fleet
from dbfleet.ops import _identity
from dbfleet.spec import EngineSpec
from dbfleet.target import Target


def hosts(fleet: Fleet, target: Target) -> tuple[str | None, str | None]:
    """Where a connection goes, and one for much data."""
    with fleet.connect(target) as usual, fleet.connect(target, near=True) as near:
        assert _identity.of(usual) == _identity.of(near) or usual.target.host == near.target.host
        assert usual.ping().version == near.ping().version
        assert near.target.name == target.name
        return usual.target.host, near.target.host


def test_much_data_goes_to_the_containers_own_address(fleet: Fleet, target: Target, spec: EngineSpec) -> None:
    in_docker = target.managed and fleet.record(target.name).get("runtime") == "docker"
    usual, near = hosts(fleet, target)
    assert (usual != near) == (in_docker and spec.direct), (usual, near)
    assert hosts(fleet, fleet.target(target.url(reveal=True)))[1] == near


def test_where_that_cannot_be_it_goes_to_the_port(
    fleet: Fleet, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:  # TEST-NET-1: nobody is there; as behind a firewall
        patched.setattr("dbfleet.fleet.NEAR_S", 0.2)
        patched.setattr(own.Container, "address", lambda _: "192.0.2.1")
        assert len(set(hosts(fleet, target))) == 1
    for patch in ("_is_here", "procfs.is_of_container"):
        with monkeypatch.context() as patched:
            patched.setattr(f"dbfleet.own.{patch}", lambda *_: False)
            assert len(set(hosts(fleet, target))) == 1
