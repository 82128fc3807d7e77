"""A driver that has proven its login, and its errors as ours."""

from __future__ import annotations

import re
import sys
from typing import Any

from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    ConstraintViolated,
    DbfleetError,
    StatementError,
    Unavailable,
    UsageError,
    translated,
)
from dbfleet.target import Target


def opened(target: Target, timeout_s: float) -> tuple[Any, tuple[int, int]]:
    """A driver that has proven its login, and the version of Bolt that the server speaks."""
    import logging

    neo4j = _driver()
    if target.options:
        raise UsageError(f"a Neo4j URL has no option {min(target.options)!r}")
    host = f"[{target.host}]" if ":" in (target.host or "") else target.host
    scheme = target.scheme if target.scheme != "cypher" else "bolt"
    logging.getLogger("neo4j").addHandler(logging.NullHandler())  # what it logs comes as an error too
    with translated(translate, engine="neo4j", target=target.name):
        driver = neo4j.GraphDatabase.driver(
            f"{scheme}://{host}:{target.port}",
            auth=(target.user, target.password or "") if target.user is not None else None,
            connection_timeout=timeout_s,
            connection_acquisition_timeout=timeout_s,
            max_transaction_retry_time=0,
            notifications_min_severity="OFF",
            user_agent="dbfleet",
        )
        try:
            driver.verify_connectivity()
            with driver.session(database=target.database) as session:
                bolt = session.run("RETURN 1").consume().server.protocol_version
        except BaseException:
            driver.close()
            raise
    return driver, bolt


def _driver() -> Any:
    """The driver, without the numpy, pandas and pyarrow that it would import where they are installed, for values that
    are never sent here: 36 MB and 0.1 s. What the process has imported already it sees."""
    hidden = [name for name in ("numpy", "pandas", "pyarrow") if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's way to say: not to be imported
    try:
        import neo4j
    finally:
        for name in hidden:
            del sys.modules[name]
    return neo4j


def translate(exc: BaseException) -> DbfleetError | None:
    from neo4j import exceptions

    if isinstance(exc, OverflowError):  # of the packer, in C or Rust, before anything is sent
        return StatementError("an integer has more than 64 bits, Neo4j's limit")
    if isinstance(exc, UnicodeEncodeError):
        return StatementError("a name or a text holds half of a pair of surrogates, which is no character")
    if not isinstance(exc, exceptions.Neo4jError | exceptions.DriverError):
        return None
    code = getattr(exc, "code", None) or ""
    text = getattr(exc, "message", None) or str(exc)
    if "AuthenticationRateLimit" in code:
        return AuthFailed(text, hint="after three wrong passwords the server refuses all for some seconds: wait")
    if isinstance(exc, exceptions.AuthError) or "Security" in code:
        return AuthFailed(text)
    if "DatabaseNotFound" in code:
        return AuthFailed(text)
    if isinstance(exc, exceptions.ServiceUnavailable | exceptions.SessionExpired):
        return Unavailable(text.splitlines()[0])
    if isinstance(exc, exceptions.UnsupportedServerProduct):
        return Unavailable("what answers is not Neo4j, or a version of it that this driver does not know")
    if isinstance(exc, exceptions.DriverError):
        return Unavailable(text)
    if "ConstraintValidationFailed" in code:
        return ConstraintViolated(text, code=code)
    if "AlreadyExists" in code or "EquivalentSchemaRuleAlreadyExists" in code:
        return AlreadyExists(text, code=code)
    return StatementError(re.sub(r"\n\s*\^.*", "", text), code=code)
