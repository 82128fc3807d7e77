#!/usr/bin/env bash
# First start with a root user's name and password: a temporary server on the loopback address, without
# authentication, the user, and a stop; afterwards, and on every later start, with --auth. Reads
# MONGO_INITDB_ROOT_USERNAME and MONGO_INITDB_ROOT_PASSWORD, each also as _FILE.
. /usr/local/lib/entrypoint.sh

if [ "${1:0:1}" = - ]; then set -- mongod "$@"; fi
if [ "$1" != mongod ]; then exec "$@"; fi
continue_as mongodb /data/db /data/configdb -- "$@"

setting MONGO_INITDB_ROOT_USERNAME
setting MONGO_INITDB_ROOT_PASSWORD
if [ -n "$MONGO_INITDB_ROOT_USERNAME" ] && [ -n "$MONGO_INITDB_ROOT_PASSWORD" ]; then
    if [ ! -e /data/db/WiredTiger ]; then
        "$@" --bind_ip 127.0.0.1 --port 27017 &
        temporary_server=$!
        printf %s "$MONGO_INITDB_ROOT_PASSWORD" | create-root-user.py "$MONGO_INITDB_ROOT_USERNAME"
        kill "$temporary_server"
        wait "$temporary_server"
        note "MongoDB init process complete; ready for start up."
    fi
    set -- "$@" --auth
elif [ -n "$MONGO_INITDB_ROOT_USERNAME$MONGO_INITDB_ROOT_PASSWORD" ]; then
    die "MONGO_INITDB_ROOT_USERNAME and MONGO_INITDB_ROOT_PASSWORD go together, but one of them is empty"
fi
unset MONGO_INITDB_ROOT_USERNAME MONGO_INITDB_ROOT_PASSWORD

case " $* " in
*" --bind_ip"*) ;;
*) set -- "$@" --bind_ip_all ;;
esac
exec "$@"
