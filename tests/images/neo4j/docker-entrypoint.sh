#!/usr/bin/env bash
# Settings from the environment into neo4j.conf, the first password, then the server as the user neo4j.
#
# NEO4J_a_b__c sets a.b_c, an unknown one stops the server. Any NEO4J_..._FILE names a file with the value of NEO4J_...
# NEO4J_AUTH is neo4j/PASSWORD or none, NEO4J_AUTH_PATH a file with that. The password counts at the first start only.
# No plugins are fetched (NEO4J_PLUGINS), no enterprise edition.
. /startup/entrypoint.sh

configuration=$NEO4J_HOME/conf/neo4j.conf
if [ "$1" = neo4j ] || [ "$1" = neo4j-admin ]; then
    continue_as neo4j /data /logs "$NEO4J_HOME/conf" "$NEO4J_HOME/run" -- "$@"
fi
[ "$1" = neo4j ] || exec "$@"

configure() { # SETTING VALUE
    # Only the JVM's options add up.
    [ "$1" = server.jvm.additional ] || sed -i "/^${1//./\\.}=/d" "$configuration"
    printf '%s=%s\n' "$1" "$2" >>"$configuration"
}
default() { grep -q "^${1//./\\.}=" "$configuration" || configure "$1" "$2"; } # SETTING VALUE

for name in $(compgen -e NEO4J_); do
    if [[ $name = *_FILE ]]; then
        [ -r "${!name}" ] || die "The secret file '${!name}' does not exist or is not readable."
        export "${name%_FILE}=$(<"${!name}")"
    fi
done
default server.memory.pagecache.size 512M
default server.default_listen_address 0.0.0.0
[ ! -d /plugins ] || default server.directories.plugins /plugins
[ ! -d /import ] || default server.directories.import /import
default server.directories.logs /logs
for name in $(compgen -e NEO4J_); do
    case $name in
    *_FILE | NEO4J_ACCEPT_LICENSE_AGREEMENT | NEO4J_AUTH | NEO4J_AUTH_PATH | NEO4J_DEBUG | NEO4J_EDITION | NEO4J_HOME) continue ;;
    esac
    setting=$(sed 's|^NEO4J_||; s|_|.|g; s|\.\.|_|g' <<<"$name")
    if [[ $setting = [0-9]* ]]; then
        note "WARNING: $setting not written to conf file. Settings that start with a number are not permitted." >&2
    elif [ -n "${!name}" ]; then
        configure "$setting" "${!name}"
    fi
done

authentication=${NEO4J_AUTH:-}
if [ -n "${NEO4J_AUTH_PATH:-}" ]; then
    [ -f "$NEO4J_AUTH_PATH" ] || die "The password file '$NEO4J_AUTH_PATH' does not exist"
    authentication=$(<"$NEO4J_AUTH_PATH")
fi
if [ "$authentication" = none ]; then
    configure dbms.security.auth_enabled false
elif [[ $authentication =~ ^([^/]+)/([^/]+)/?([tT][rR][uU][eE])?$ ]]; then
    [ "${BASH_REMATCH[2]}" != neo4j ] || die "Invalid value for password. It cannot be 'neo4j', which is the default."
    [ "${BASH_REMATCH[1]}" = neo4j ] || die "Invalid admin username, it must be neo4j."
    options=()
    [ -z "${BASH_REMATCH[3]}" ] || options+=(--require-password-change)
    neo4j-admin dbms set-initial-password "${BASH_REMATCH[2]}" "${options[@]}"
elif [ -n "$authentication" ]; then
    die "Invalid value for NEO4J_AUTH"
fi

rm -f "$NEO4J_HOME/run/neo4j.pid"
# Its own launcher knows which options make a JVM of the settings.
command=$(neo4j console --dry-run)
eval "exec $command"
