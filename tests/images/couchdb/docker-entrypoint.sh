#!/usr/bin/env bash
# As the official one where the two can agree: an administrator from COUCHDB_USER and COUCHDB_PASSWORD, or none and no
# start; files made the server's own; the server as the user couchdb; any other command as it is given.
. /usr/local/lib/entrypoint.sh

case $1 in
-* | +*) set -- /opt/couchdb/bin/couchdb "$@" ;;
couchdb) shift && set -- /opt/couchdb/bin/couchdb "$@" ;;
esac
if [ "$1" != /opt/couchdb/bin/couchdb ]; then exec "$@"; fi

if [ -z "${COUCHDB_USER:-}" ] || [ -z "${COUCHDB_PASSWORD:-}" ]; then
    die "CouchDB 3.0+ will no longer run in \"Admin Party\" mode. You MUST specify COUCHDB_USER and COUCHDB_PASSWORD"
fi
touch /opt/couchdb/etc/local.d/docker.ini
continue_as couchdb /opt/couchdb/data /opt/couchdb/etc -- "$@"
exec "$@"
