"""Celery: the doorbell and the pool. A message says "work on job 7" and may be lost or come twice without harm, for
what is to be done stands in the control database. Django is set up before this is imported, by each role (__main__.py)
and by the desk."""

from __future__ import annotations

import logging
from typing import Final

from celery import Celery
from django.conf import settings

QUEUE: Final = "dbfleet"
HOST_QUEUE: Final = "dbfleet-host"
"""Whose workers can start servers: they run beside the runtime, not in a container."""

log = logging.getLogger("dbfleet.jobs")

app = Celery("dbfleet", include=["dbfleet.console.jobs.tasks"])
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_connect_timeout": 3, "socket_timeout": 10, "visibility_timeout": 3600},
    broker_pool_limit=2,
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_default_queue=QUEUE,
    task_track_started=False,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=True,
    worker_enable_remote_control=True,
    timezone="UTC",  # else Celery's log is in Chicago's time
    enable_utc=True,
    beat_scheduler="dbfleet.console.jobs.beat:Scheduler",
    beat_max_loop_interval=5,
)

RING_EXPIRES_S: Final = 600
"""A ring that nobody answered is forgotten: the sweep rings again, and they must not pile up."""


def ring(job: int, *, times: int = 1, host: bool = False) -> bool:
    """Call workers to a job. Whether the broker took it; where it is away nothing is lost, the sweep rings again."""
    queue = HOST_QUEUE if host else QUEUE
    try:
        # A connection of its own: a job's process is forked, and Celery's pool of connections is its parent's.
        with app.connection_for_write() as connection:
            for _ in range(times):
                app.send_task(
                    "dbfleet.work", [job], queue=queue, expires=RING_EXPIRES_S, retry=False, ignore_result=True,
                    connection=connection,
                )  # fmt: skip
    except Exception as error:  # kombu's errors, redis's and the socket's own
        log.warning("the broker does not answer (%s): the sweep rings again", error)
        return False
    return True
