#!/usr/bin/env bash
# Addresses and the few settings that the official entry point reads from CASSANDRA_... into cassandra.yaml, then the
# server as the user cassandra; any other command as it is given.
. /usr/local/lib/entrypoint.sh

if [ $# = 0 ] || [ "${1:0:1}" = - ]; then set -- cassandra -f "$@"; fi
if [ "$1" != cassandra ]; then exec "$@"; fi
continue_as cassandra "$CASSANDRA_CONF" /var/lib/cassandra /var/log/cassandra -- "$@"

address=$(hostname -I | cut -d ' ' -f 1)
CASSANDRA_RPC_ADDRESS=${CASSANDRA_RPC_ADDRESS-0.0.0.0}
CASSANDRA_LISTEN_ADDRESS=${CASSANDRA_LISTEN_ADDRESS-auto}
[ "$CASSANDRA_LISTEN_ADDRESS" != auto ] || CASSANDRA_LISTEN_ADDRESS=$address
CASSANDRA_BROADCAST_ADDRESS=${CASSANDRA_BROADCAST_ADDRESS-$CASSANDRA_LISTEN_ADDRESS}
[ "$CASSANDRA_BROADCAST_ADDRESS" != auto ] || CASSANDRA_BROADCAST_ADDRESS=$address
CASSANDRA_BROADCAST_RPC_ADDRESS=${CASSANDRA_BROADCAST_RPC_ADDRESS:-$CASSANDRA_BROADCAST_ADDRESS}

sed -i -E "s/(- seeds:).*/\1 \"${CASSANDRA_SEEDS:-$CASSANDRA_BROADCAST_ADDRESS}\"/" "$CASSANDRA_CONF/cassandra.yaml"
for name in broadcast_address broadcast_rpc_address cluster_name endpoint_snitch listen_address num_tokens rpc_address; do
    variable=CASSANDRA_${name^^}
    [ -z "${!variable:-}" ] || sed -i -E "s/^(# )?($name:).*/\2 ${!variable}/" "$CASSANDRA_CONF/cassandra.yaml"
done
for name in dc rack; do
    variable=CASSANDRA_${name^^}
    [ -z "${!variable:-}" ] || sed -i -E "s/^($name=).*/\1 ${!variable}/" "$CASSANDRA_CONF/cassandra-rackdc.properties"
done
exec "$@"
