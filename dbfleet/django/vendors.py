"""Django's own words for what a connection speaks (`connection.vendor`); MySQL's is MariaDB's too."""

from __future__ import annotations

from typing import Final

MONGODB: Final = "mongodb"
MYSQL: Final = "mysql"
ORACLE: Final = "oracle"
POSTGRESQL: Final = "postgresql"
SQLITE: Final = "sqlite"
SQLSERVER: Final = "microsoft"
