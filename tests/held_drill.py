"""A drill in a process of its own that stops at a stage and waits to be killed:
python held_drill.py FLEET TARGET STAGE [COLLECTION…]; it says where it is."""

from __future__ import annotations

import sys
import time
from typing import Any

from dbfleet.fleet import Fleet
from dbfleet.ops.drill import Watch, drill
from dbfleet.runtimes import Event


class Holds(Watch):
    def __init__(self, at: str) -> None:
        self._at = at

    def _hold(self, where: str) -> None:
        if where == self._at:
            print(where, flush=True)
            time.sleep(600)

    def stage(self, stage: Any, text: str) -> None:
        self._hold(stage)

    def server(self, event: Event) -> None:
        self._hold(f"server {event.stage}")


if __name__ == "__main__":
    name, target, stage, *collections = sys.argv[1:]
    fleet = Fleet.open(name)
    print(drill(fleet, fleet.target(target), collections, watch=Holds(stage)).record(), flush=True)
