"""What `--verify` finds, in seed, load and copy alike: where a collection does not hold what was written into it, the
verb still does all else, gives its records, and raises VerifyFailed at its end.
"""

from __future__ import annotations

from collections.abc import Sequence

from dbfleet.errors import VerifyFailed


def unlike(collections: Sequence[str], what: str, *, target: str | None = None) -> VerifyFailed | None:
    """The error about these collections; None where there are none. `what` says what they are not."""
    if not collections:
        return None
    return VerifyFailed(f"{', '.join(collections)} {what}: its digest is another", target=target)


def refuse(collections: Sequence[str], what: str, *, target: str | None = None) -> None:
    """VerifyFailed, where there are such collections."""
    error = unlike(collections, what, target=target)
    if error:
        raise error
