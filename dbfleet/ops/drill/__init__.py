"""`dbfleet drill`: a dump is restored into a throw-away server, proven there, and nothing is left but the receipt.

    found = drill(fleet, target)
    found.same  # True: green · False: red · None: it could not be done, and `error` says why

The target is dumped (or a dump that is there is taken), a server of the same engine is started for it, by the same
runtime and of the same image as the target's, the dump is loaded, and the digest of each collection that the server
then holds is compared with the one in the manifest. For an embedded engine a file takes the server's place.

A drill is red where the dump is not whole, is refused by the server, or becomes something else than its manifest says.
It could not be done where the target does not answer or the server does not start: that says nothing about the dump.

The target is only read. The throw-away server is a fleet of its own (ops/_drills.py), with a network, volumes, a
password and a port that nobody else has; it and the dump are removed whatever happens, also on Ctrl-C. What a drill
leaves that is killed, the next drill, `up` and `down` remove: `sweep`.
"""

from dbfleet.ops._drills import sweep
from dbfleet.ops.drill.records import Drilled, Restored
from dbfleet.ops.drill.run import Watch, drill

__all__ = ["Drilled", "Restored", "Watch", "drill", "sweep"]
