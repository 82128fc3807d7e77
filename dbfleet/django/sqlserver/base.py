"""The connection: mssql-django's."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import mssql_python


class _InPlaceOfPyodbc(ModuleType):
    """mssql-python under pyodbc's name. `version` is what mssql-django asks for: 3.0 or newer."""

    version = "5.0.0"

    def __getattr__(self, name: str) -> Any:
        return getattr(mssql_python, name)


try:
    import pyodbc  # noqa: F401
except ImportError:
    sys.modules["pyodbc"] = _InPlaceOfPyodbc("pyodbc")

from mssql import base  # noqa: E402


class DatabaseWrapper(base.DatabaseWrapper):
    """mssql-django's connection."""
