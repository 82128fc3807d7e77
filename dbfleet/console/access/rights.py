"""What somebody may do: a role on each target, made of the grants of a user and, for a token, of its limits.

Rule: a token may what its maker may now, and at most what it was made for; so it loses what its maker loses. `admin`
counts where it is granted for `*` alone. A pattern is of names: a target that is a URL is matched by `*` only, as
`postgres*` must not mean every server whose URL begins so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final

from dbfleet.console.models import ROLES, Grant

EVERYTHING: Final = "*"


def level(role: str) -> int:
    """How far a role reaches: 0 for none, 1 for viewer, up to 5 for admin."""
    return ROLES.index(role) + 1 if role in ROLES else 0


def matches(pattern: str, target: str) -> bool:
    """Whether a grant for the pattern is one on the target; a collection (`shop.orders`) is its target's."""
    if pattern == EVERYTHING:
        return True
    if "://" in target or target.startswith("${"):
        return False
    return fnmatchcase(target.partition(".")[0], pattern)


@dataclass(frozen=True)
class Rights:
    """The rights of one request."""

    user: str = ""
    """The user's name; empty for nobody."""
    grants: tuple[tuple[str, str], ...] = ()
    """Patterns and roles."""
    token: str = ""
    """The name of the token that is used, empty for a session."""
    limit: tuple[str, str] | None = None
    """The pattern and the role beyond which the token does not reach."""

    @property
    def who(self) -> str:
        """Who acts, as the chain and jobs name it."""
        return f"web:{self.user}"

    def role(self, target: str) -> str:
        """The highest role on the target, empty for none."""
        if self.limit is not None and not matches(self.limit[0], target):
            return ""
        return self._highest(role for pattern, role in self._effective if matches(pattern, target))

    def may(self, role: str, target: str) -> bool:
        """Whether the role, or one above it, is held on the target."""
        return level(role) > 0 and level(self.role(target)) >= level(role)

    def anywhere(self, role: str) -> bool:
        """Whether the role is held on any target. `admin` is held on all or on none."""
        return level(self.highest) >= level(role) > 0

    @cached_property
    def highest(self) -> str:
        """The highest role on any target."""
        return self._highest(role for _, role in self._effective)

    def everywhere(self, role: str) -> bool:
        """Whether the role is held on every target, there and yet to come."""
        return self.covers(role, EVERYTHING)

    def covers(self, role: str, pattern: str) -> bool:
        """Whether the role is held on whatever the pattern may match."""
        limits = [self.limit[0]] if self.limit is not None else []
        held = [granted for granted, has in self._effective if level(has) >= level(role) > 0]
        return any(_within(pattern, granted) for granted in held) and all(_within(pattern, each) for each in limits)

    def among(self, role: str, targets: Iterable[str]) -> list[str]:
        """Those of the targets on which the role is held."""
        if self.everywhere(role):
            return list(targets)
        return [target for target in targets if self.may(role, target)]

    @cached_property
    def _effective(self) -> tuple[tuple[str, str], ...]:
        found = []
        for pattern, granted in self.grants:
            role = "writer" if granted == "admin" and pattern != EVERYTHING else granted
            if self.limit is not None:
                at_most = "writer" if self.limit[1] == "admin" and self.limit[0] != EVERYTHING else self.limit[1]
                role = min(role, at_most, key=level)
            found.append((pattern, role))
        return tuple(found)

    @staticmethod
    def _highest(roles: Iterable[str]) -> str:
        return max(roles, key=level, default="")


def _within(inner: str, outer: str) -> bool:
    """Whether what the inner pattern matches, the outer one does: certain for the same one, and for a plain name."""
    if outer in (EVERYTHING, inner):
        return True
    return not set(inner) & set("*?[") and matches(outer, inner)


def of_user(
    user: object,
    *,
    token: str = "",
    limit: tuple[str, str] | None = None,
    grants: tuple[tuple[str, str], ...] | None = None,
) -> Rights:
    """The rights that a user has now: one query, and none where the grants were just read."""
    if not getattr(user, "is_authenticated", False) or not getattr(user, "is_active", False):
        return Rights()
    if grants is None:
        grants = tuple(Grant.objects.filter(user=user).values_list("pattern", "role"))
    return Rights(user.get_username(), grants, token, limit)  # type: ignore[attr-defined]
