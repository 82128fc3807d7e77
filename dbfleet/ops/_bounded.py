"""A target's budget of time: what a worker has a server do is stopped there when it takes too long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError, NotReady
from dbfleet.ops._workers import Owner


class Late:
    """What a job is whose time may be over, where it is no worker."""

    late: DbfleetError | None = None


@contextmanager
def bounded(job: Owner | Late, adapter: Adapter, timeout_s: float | None) -> Iterator[None]:
    """For the block: after `timeout_s` the statement that runs on the adapter's server is stopped, and NotReady raised.
    Where the engine cannot stop one, a worker's reading ends with the batch (`Owner.check`). None: as long as it
    takes."""
    if timeout_s is None:
        yield
        return
    late = NotReady(
        f"reading did not end within {timeout_s:g} s, the budget of this target, and was stopped",
        engine=adapter.spec.name,
        target=adapter.target.name,
    )

    def stop() -> None:
        job.late = late
        try:
            adapter.cancel()
        except (DbfleetError, OSError):  # it has just ended, and its connection with it; or the engine cannot
            pass

    timer = threading.Timer(timeout_s, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    except DbfleetError as error:
        if job.late is not None:
            raise late from error
        raise
    finally:
        timer.cancel()
    if job.late is not None:  # it ended in the moment in which it was stopped: what it gave may be half of it
        raise late
