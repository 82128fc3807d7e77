"""Ports that are taken, and accounts that cannot go everywhere."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from dbfleet.errors import RuntimeFailure
from dbfleet.runtimes import accounts, ports, programs, tail


def test_a_port_that_is_listened_on_is_not_free_and_its_holder_is_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.answers(port)
        found = ports.holder(port)
        assert found.pid == os.getpid()
        assert str(os.getpid()) in str(found)
    assert ports.is_free(port)
    assert not ports.answers(port)


def test_a_listener_on_every_address_takes_the_port_too() -> None:
    with socket.create_server(("", 0)) as listener:
        assert not ports.is_free(listener.getsockname()[1])


def test_the_same_asker_gets_the_same_port_as_long_as_it_is_free() -> None:
    first = ports.choose("fleet/postgres")
    assert ports.choose("fleet/postgres") == first
    assert ports.choose("fleet/postgres", avoid={first}) != first
    assert ports.FIRST_CHOSEN <= first <= ports.LAST_CHOSEN
    with socket.create_server(("127.0.0.1", first)):
        assert ports.choose("fleet/postgres") != first


def test_nobody_passes_through_a_closed_folder(tmp_path: Path) -> None:
    nobody = accounts.Account("nobody", 65534, 65534)
    top = tmp_path / "top"
    (top / "inside").mkdir(parents=True)
    top.chmod(0o700)
    assert not accounts.can_enter(top / "inside", nobody)
    assert not accounts.can_enter(tmp_path / "missing", nobody)
    assert accounts.can_enter(Path("/usr"), nobody)


def test_only_root_changes_the_account() -> None:
    assert accounts.for_server(refuses_root=False) is None
    found = accounts.for_server(refuses_root=True)
    assert (found is not None) == (os.geteuid() == 0)
    assert found is None or found.uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="not on this machine")
def test_a_package_that_the_account_cannot_reach_is_put_where_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Path("/var/tmp") / f"dbfleet-test-{os.getpid()}"
    monkeypatch.setattr(accounts, "SHARED", (shared,))
    account = accounts.for_server(refuses_root=True)
    assert account is not None
    closed = tmp_path / "site"
    package = closed / "servers"
    (package / "bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "bin" / "serverd").write_text("#!/bin/sh\n")
    (package / "bin" / "serverd").chmod(0o755)
    (package / "share").mkdir(mode=0o700)
    (package / "share" / "private").write_text("x")
    (package / "share" / "private").chmod(0o600)
    (closed / "servers.libs").mkdir()
    (closed / "servers.libs" / "lib.so").write_text("x")
    closed.chmod(0o700)
    try:
        found = accounts.reachable_binaries(package / "bin", account)
        assert accounts.can_enter(found, account)
        assert (found / "serverd").stat().st_mode & 0o777 == 0o755
        assert (found.parent / "share" / "private").stat().st_mode & 0o777 == 0o644
        assert (found.parents[1] / "servers.libs" / "lib.so").exists()
        assert accounts.reachable_binaries(package / "bin", account) == found
        loose = closed / "loose"
        loose.mkdir()
        with pytest.raises(RuntimeFailure, match="cannot enter"):
            accounts.reachable_binaries(loose, account)
    finally:
        import shutil

        shutil.rmtree(shared)


@pytest.mark.skipif(os.geteuid() != 0, reason="not on this machine")
def test_a_folder_that_somebody_else_made_first_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = accounts.for_server(refuses_root=True)
    assert account is not None
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, account.uid, account.gid)
    (tmp_path / "link").symlink_to("/var")
    monkeypatch.setattr(accounts, "SHARED", (theirs, tmp_path / "link"))
    with pytest.raises(RuntimeFailure, match="can reach none of"):
        accounts.shared_place(account)


def test_newer_versions_stand_first() -> None:
    found = sorted(["/x/9.6/bin", "/x/15/bin", "/x/10/bin"], key=programs._version, reverse=True)
    assert found == ["/x/15/bin", "/x/10/bin", "/x/9.6/bin"]


@pytest.mark.parametrize("count", [0, 1, 2, 5, 999])
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_last_lines_of_a_log(tmp_path: Path, count: int, end: str) -> None:
    log = tmp_path / "log"
    lines = [f"{number}" + "x" * 40_000 for number in range(5)]
    log.write_text("\n".join(lines) + end)
    assert list(tail.lines(log, last=count)) == (lines[-count:] if count else [])
    log.write_bytes(b"caf\xe9\r\n")
    assert list(tail.lines(log)) == ["caf\ufffd"]
