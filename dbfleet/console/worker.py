"""The worker: Celery's pool, and a thread that says that it is alive and sweeps.

SIGTERM ends it within seconds: Celery takes no more messages, what runs is stopped as Ctrl-C would, and its parts go
back, so that another worker begins them at once.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from typing import Any, Final

from celery.signals import celeryd_init, worker_process_init, worker_ready, worker_shutting_down
from django.db import connections
from django.db.utils import Error as DatabaseError

from dbfleet.console import places, pulse
from dbfleet.console.control import away
from dbfleet.console.jobs import attend
from dbfleet.console.jobs.app import HOST_QUEUE, QUEUE, app
from dbfleet.console.jobs.sweep import SWEEP_S, sweep

log = logging.getLogger("dbfleet.worker")

SLOTS: Final = 4
"""Jobs and parts at a time. A process of the pool waits while another, forked for the part, works."""
_PULSE_S: Final = 5.0

_ending = multiprocessing.get_context("fork").Event()
"""Set once this worker was told to end; the processes of the pool inherit it."""


def slots() -> int:
    """How many parts this worker does at a time."""
    return places.number("DBFLEET_WORKER_SLOTS", SLOTS)


def run() -> int:
    """Work until SIGTERM."""
    able = attend.abilities()
    queues = [QUEUE, *([HOST_QUEUE] if "host" in able else [])]
    arguments = [
        "worker", "--loglevel=WARNING", "--without-gossip", "--without-mingle", f"--queues={','.join(queues)}",
        f"--autoscale={slots()},1", f"--hostname={attend.name()}", "--events",
    ]  # fmt: skip
    return int(app.worker_main(arguments) or 0)


@celeryd_init.connect
def _quiet(conf: Any = None, **kwargs: Any) -> None:
    logging.getLogger("celery.bootsteps").setLevel(logging.ERROR)


@worker_process_init.connect
def _in_pool(**kwargs: Any) -> None:
    # Celery marks its processes as daemons, which may not start any: ours fork one for each part, and end it.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    connections.close_all()
    attend.stop_when(_ending.is_set)


@worker_shutting_down.connect
def _told_to_end(**kwargs: Any) -> None:
    _ending.set()


@worker_ready.connect
def _began(**kwargs: Any) -> None:
    log.warning("worker is ready: %s", attend.name())
    threading.Thread(target=_look_after, args=(attend.name(),), daemon=True, name="sweep").start()


def _told_within(seconds: float) -> bool:
    """Whether this worker is told to end within so long. Not by the event's own wait: that is until a moment of the
    machine's clock, and would last an hour where somebody sets it back by one."""
    until = time.monotonic() + seconds
    while not _ending.is_set():
        if time.monotonic() > until:
            return False
        time.sleep(0.25)
    return True


def _look_after(name: str) -> None:
    swept = -SWEEP_S
    while not _told_within(_PULSE_S):
        try:
            pulse.beat(name, "worker", slots=slots(), abilities=attend.abilities())
            if time.monotonic() - swept >= SWEEP_S:
                swept = time.monotonic()
                if sweep():
                    _sweep_drills()
        except DatabaseError as error:
            log.warning("%s: %s", away.words(error)[0], away.first_line(error))
            connections.close_all()
        except Exception:  # this thread must not end: who else would look after what is lost?
            log.exception("the sweep failed")
            connections.close_all()
    try:
        pulse.gone(name)
    except DatabaseError:
        pass


def _sweep_drills() -> None:
    """Remove what drills have left that were killed: a worker beside the runtime alone can."""
    if "host" not in attend.abilities():
        return
    from dbfleet.fleet import Fleet
    from dbfleet.ops.drill import sweep as removed

    for name in removed(Fleet.open()):
        log.warning("removed what a drill that was killed had left: %s", name)
