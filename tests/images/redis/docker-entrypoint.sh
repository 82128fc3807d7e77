#!/bin/sh
# Starts `redis-server` as the user redis, with the files of /data made its own; anything else as it is given.
# Protected mode is off, as the official build has it: what is not published cannot be reached.
set -e

case $1 in
-* | *.conf) set -- redis-server "$@" ;;
esac

if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . ! -user redis -exec chown redis '{}' +
    exec setpriv --reuid redis --regid redis --clear-groups --nnp -- "$0" "$@"
fi

[ "$(umask)" != 0022 ] || umask 0077
[ "$1" != redis-server ] || set -- "$@" --protected-mode no
exec "$@"
