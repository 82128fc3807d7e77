#!/bin/sh
# nginx.sh NGINX CONFIGURATION FOLDER: nginx in the foreground, which takes a new certificate without a pause.
#
# Every five seconds it looks at the pair in FOLDER (certificate.pem, key.pem). Where it has changed and fits, nginx loads
# it; connections that are open go on. A pair that does not fit, as one of which half is written, is tried again.
# TERM, INT and QUIT let what is under way end.
set -u
nginx=$1 configuration=$2 folder=$3

pair() { cksum "$folder/certificate.pem" "$folder/key.pem" 2>/dev/null; }

loaded=$(pair) told= # before nginx reads it: what changes in between is loaded once more, not never
"$nginx" -c "$configuration" -g 'daemon off;' &
server=$!
ending= nap=
trap 'ending=yes; kill -QUIT "$server" 2>/dev/null; kill $nap 2>/dev/null' TERM INT QUIT
while [ -z "$ending" ] && kill -0 "$server" 2>/dev/null; do
    sleep 5 &
    nap=$!
    wait $nap # a signal ends it at once
    now=$(pair)
    [ "$now" != "$loaded" ] || continue
    # tried at each look until it is taken: what refused it may have passed, with the pair the same as before
    if said=$("$nginx" -t -q -c "$configuration" 2>&1) && said=$("$nginx" -c "$configuration" -s reload 2>&1); then
        loaded=$now told=
        echo "nginx: a new certificate is in use" >&2
    elif [ "$now" != "$told" ]; then
        told=$now
        echo "nginx: the new certificate is not taken: $said" >&2
    fi
done
wait "$server"
