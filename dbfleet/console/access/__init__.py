"""Who may do what in the console: rights (roles on targets), the gate before each view, and how people get in."""

from dbfleet.console.access.gate import Need, NotLoggedIn, Refused, in_person, needs, require
from dbfleet.console.access.rights import Rights
from dbfleet.console.access.scope import visible

__all__ = ["Need", "NotLoggedIn", "Refused", "Rights", "in_person", "needs", "require", "visible"]
