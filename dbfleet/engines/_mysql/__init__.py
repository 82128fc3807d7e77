"""MySQL and MariaDB over one protocol and one driver, mysql-connector-python; what differs is asked of the server.

https://dev.mysql.com/doc/refman/9.7/en/ · https://mariadb.com/docs/server/. A mysql:// URL may name a MariaDB server,
and a mariadb:// URL a MySQL one: `ping` says who answers, and the server's own dialect is used.

The session is in UTC, uses utf8mb4, and keeps the server's sql_mode for `query`, so that a statement means what it
means in the server's own client. Our own statements set a strict sql_mode.
"""
