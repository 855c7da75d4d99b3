#!/usr/bin/env bash
# Runs nginx, and passes requests to the replicas that are ready: nginx itself asks nobody whether it is.
# Usage: follow-replicas.sh NGINX.CONF NAME PORT, where NAME has an address for each replica.
set -u
configuration=$1 name=$2 port=$3 list=/tmp/replicas.conf

# Prints the replicas that are ready. If none is, it prints all: they say themselves why.
look() {
    local address all
    all=$(getent ahostsv4 "$name" | awk '{ print $1 }' | sort --unique)
    for address in $all; do
        curl --silent --fail --max-time 1 --output /dev/null "http://$address:$port/health/ready" && echo "$address" &
    done | sort | grep . || echo "$all"
}

# Prints the replicas as nginx reads them. It needs one; where there is none, it is an address where nobody listens.
write() {
    local address
    for address in ${1:-127.0.0.1}; do
        echo "server $address:$([ -n "$1" ] && echo "$port" || echo 9) max_fails=0;"
    done
}

known=$(look)
write "$known" >"$list"
nginx -c "$configuration" -g 'daemon off;' &
nginx=$!
trap 'kill -QUIT $nginx; wait $nginx; exit' TERM INT
while kill -0 "$nginx" 2>/dev/null; do
    sleep 0.5 & wait $! # a signal ends this wait
    now=$(look)
    if [ "$now" != "$known" ]; then
        known=$now
        write "$known" >"$list"
        kill -HUP "$nginx"
    fi
done
wait "$nginx"
