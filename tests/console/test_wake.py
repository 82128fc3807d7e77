"""Who waits for a part is woken when something has become of it, and looks again by itself where no word comes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connection, connections
from test_claims import job_of

from dbfleet.console.control import wake
from dbfleet.console.desk import Desk
from dbfleet.console.jobs import claims
from dbfleet.console.models import Part

LONG_S = 60.0


def elsewhere(do: Callable[[], object]) -> None:
    """Do it over another connection, and wait until it is done."""

    def run() -> None:
        do()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def test_who_waits_is_woken_when_a_part_is_finished(desk: Desk) -> None:
    job = job_of(desk)
    claim = claims.claim(job.pk, "one", ["host"])
    assert claim is not None
    wake.listen(job.pk)
    elsewhere(lambda: claims.finish(claim, Part.DONE))
    assert wake.wait(LONG_S)
    assert not wake.wait(0.01)


def test_a_word_that_came_between_two_looks_is_not_lost(desk: Desk) -> None:
    job = job_of(desk)
    wake.listen(job.pk)
    elsewhere(lambda: wake.tell(job.pk))
    assert Part.objects.filter(job=job).exists()  # the look reads the word from the line, too
    assert wake.wait(LONG_S)


def test_nobody_hears_of_another_job_nor_of_one_that_is_forgotten(desk: Desk) -> None:
    job, other = job_of(desk), job_of(desk)
    wake.listen(job.pk)
    elsewhere(lambda: wake.tell(other.pk))
    assert not wake.wait(0.01)
    wake.forget(job.pk)
    elsewhere(lambda: wake.tell(job.pk))
    assert not wake.wait(0.01)


def test_it_is_heard_over_a_new_connection_too(desk: Desk) -> None:
    job = job_of(desk)
    wake.listen(job.pk)
    connection.close()
    assert not wake.wait(0.01)  # without a connection it only waits
    wake.listen(job.pk)
    elsewhere(lambda: wake.tell(job.pk))
    assert wake.wait(LONG_S)
