#!/usr/bin/env bash
# First start: an empty data directory, a temporary server without networking, time zones, passwords, database and
# user, and a stop. Reads MYSQL_ROOT_PASSWORD, MYSQL_ROOT_HOST, MYSQL_DATABASE, MYSQL_USER and MYSQL_PASSWORD, each
# also as _FILE, and MYSQL_INITDB_SKIP_TZINFO.
. /usr/local/lib/entrypoint.sh

if [ "${1:0:1}" = - ]; then set -- mysqld "$@"; fi
if [ "$1" != mysqld ]; then exec "$@"; fi

data=/var/lib/mysql
continue_as mysql "$data" /var/run/mysqld -- "$@"

if [ ! -d "$data/mysql" ]; then
    setting MYSQL_ROOT_PASSWORD
    setting MYSQL_ROOT_HOST %
    setting MYSQL_DATABASE
    setting MYSQL_USER
    setting MYSQL_PASSWORD
    [ -n "$MYSQL_ROOT_PASSWORD" ] || die "the database is not initialised and MYSQL_ROOT_PASSWORD is empty"

    note "Initializing database files"
    "$@" --initialize-insecure --default-time-zone=SYSTEM
    note "Starting temporary server"
    "$@" --daemonize --skip-networking --default-time-zone=SYSTEM

    sql() { mysql --user=root --database=mysql --comments; }
    if [ -z "${MYSQL_INITDB_SKIP_TZINFO:-}" ]; then
        mysql_tzinfo_to_sql /usr/share/zoneinfo 2>/dev/null |
            sed 's/Local time zone must be set--see zic manual page/FCTY/' | sql
    fi
    {
        if [ -n "$MYSQL_DATABASE" ]; then echo "CREATE DATABASE \`$MYSQL_DATABASE\`;"; fi
        if [ -n "$MYSQL_USER" ] && [ -n "$MYSQL_PASSWORD" ]; then
            echo "CREATE USER $(sql_text "$MYSQL_USER")@'%' IDENTIFIED BY $(sql_text "$MYSQL_PASSWORD");"
            if [ -n "$MYSQL_DATABASE" ]; then
                echo "GRANT ALL ON \`${MYSQL_DATABASE//_/\\_}\`.* TO $(sql_text "$MYSQL_USER")@'%';"
            fi
        fi
        if [ "$MYSQL_ROOT_HOST" != localhost ]; then
            echo "CREATE USER root@$(sql_text "$MYSQL_ROOT_HOST") IDENTIFIED BY $(sql_text "$MYSQL_ROOT_PASSWORD");"
            echo "GRANT ALL ON *.* TO root@$(sql_text "$MYSQL_ROOT_HOST") WITH GRANT OPTION;"
        fi
        echo "ALTER USER root@localhost IDENTIFIED BY $(sql_text "$MYSQL_ROOT_PASSWORD");"
    } | sql

    note "Stopping temporary server"
    mysqladmin --defaults-extra-file=<(printf '[client]\npassword="%s"\n' "$MYSQL_ROOT_PASSWORD") --user=root shutdown
    note "MySQL init process done. Ready for start up."
fi
unset MYSQL_ROOT_PASSWORD MYSQL_PASSWORD
exec "$@"
