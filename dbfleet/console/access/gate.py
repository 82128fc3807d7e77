"""Which role a view needs, said on the view and checked before it runs.

    @needs("viewer")                        the role, on any target: the view shows what the rights reach
    @needs("operator", target="name")       the role, on the target that the URL's `name` says
    @needs("login")                         anybody who is logged in
    @needs("viewer", posts=True)            a view for viewers that takes POST: without it such a view only shows
    @needs("viewer", beside=COLUMNS)        what the view will ask, read with the session (access/sessions.py)
    require(request, "writer", target)      in a view, for a target that its form or body names
    in_person(request)                      in a view of the API: not by a token

The same for pages and for the API's operations, where `needs` stands below the router's decorator; there it is checked
before the input is. A view without `needs` is refused by the middleware; those that are open stand in its list.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, TypeVar

from django.core.exceptions import PermissionDenied

from dbfleet.console.access.rights import Rights
from dbfleet.console.access.sessions import Beside
from dbfleet.console.models import ROLES

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SHOW: Final = ("login", "viewer")
"""The roles that write nothing but what is their own."""

View = TypeVar("View", bound=Callable[..., Any])


class NotLoggedIn(Exception):
    """Nobody is logged in, and the view is not open."""


class Refused(PermissionDenied):
    """The role is not held. The message says which one is needed, and where."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a view needs: a role, or `login`; on the target that this argument of its URL names, if it is not empty.
    A view that needs no more than to look takes no POST, unless it says that it does."""

    role: str
    target: str = ""
    posts: bool = False

    def check(self, request: Any, arguments: dict[str, Any]) -> None:
        """NotLoggedIn, or Refused."""
        rights: Rights = request.rights
        if not rights.user:
            raise NotLoggedIn
        if self.role in _SHOW and not self.posts and request.method not in _SAFE:
            raise Refused("this address only shows something")
        if self.role == "login":
            return
        if self.target:
            require(request, self.role, str(arguments[self.target]))
        elif not rights.anywhere(self.role):
            raise Refused(_told(self.role, rights.highest))


def needs(role: str, *, target: str = "", posts: bool = False, beside: Beside | None = None) -> Callable[[View], View]:
    """Say what a view needs; it is checked whenever the view is called."""
    if role not in (*ROLES, "login"):
        raise ValueError(f"there is no role {role!r}")
    need = Need(role, target, posts)

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: Any, *args: Any, **kwargs: Any) -> Any:
            need.check(request, kwargs)
            return view(request, *args, **kwargs)

        # The API reads types from the signature, and would look their names up in this module.
        try:
            checked.__signature__ = inspect.signature(view, eval_str=True)  # type: ignore[attr-defined]
        except NameError:  # a view of the framework's own, which is no operation
            pass
        checked.needs = need  # type: ignore[attr-defined]
        checked.beside = beside  # type: ignore[attr-defined]
        checked._ninja_contribute_to_operation = [lambda operation: _first(operation, need)]  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return decorate


def require(request: Any, role: str, target: str) -> None:
    """Refused, unless the role is held on the target."""
    rights: Rights = request.rights
    if not rights.may(role, target):
        raise Refused(_told(role, rights.role(target), target))


def in_person(request: Any) -> None:
    """Refused for a token: what outlasts a token, and could do more than it, is for somebody who is logged in."""
    if request.rights.token:
        raise Refused("a token cannot do this: log in")


def _told(role: str, held: str, target: str = "") -> str:
    on = f" on {target}" if target else ""
    has = f"you are {held}{' there' if target else ''}" if held else f"you have no role{' there' if target else ' yet'}"
    return f"this needs the role {role}{on}; {has}"


def _first(operation: Any, need: Need) -> None:
    """Check an operation of the API before its input: who may not call it learns nothing of what it takes."""

    def decorate(run: Callable[..., Any]) -> Callable[..., Any]:
        def checked(request: Any, **kwargs: Any) -> Any:
            try:
                need.check(request, kwargs)
            except (NotLoggedIn, Refused) as error:
                return run.__self__.api.on_exception(request, error)  # type: ignore[attr-defined]
            return run(request, **kwargs)

        checked.__self__ = run.__self__  # type: ignore[attr-defined]
        return checked

    operation.run = decorate(operation.run)
    operation._run_decorators = [decorate]
