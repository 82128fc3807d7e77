"""How a person gets into the console: told where it was started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbfleet.cli import render
from dbfleet.errors import DbfleetError, UsageError

if TYPE_CHECKING:
    from dbfleet.console.desk import Desk
    from dbfleet.fleet import Fleet


def tell_door(fleet: Fleet) -> None:
    """Where the console is, after it was started; as long as it has no admin, by a link that makes the first one."""
    from dbfleet.console import desk
    from dbfleet.ops._console import page

    try:
        found = desk.opened(fleet)
        if not found.has_admin():
            tell_link(found)
            return
    except UsageError as error:  # the console is in containers, and its packages are not here
        render.detail(error.message)
    except DbfleetError as error:
        render.warn(f"nobody can log in yet: {error.message}")
    render.say(f"the console is at {page(fleet)}; dbfleet console link prints a link to log in")


def tell_link(desk: Desk) -> None:
    """A link that logs in the first admin, and makes one where there is none."""
    render.say(f"open {desk.login_link()}")
    render.say("the link works once, for half an hour: dbfleet console link prints another")
