#!/usr/bin/env bash
# Measures Caracal beside other transports (PROTOS), over one hop and over two, in the same run: ROUNDS interleaved
# rounds in namespaces joined by veth, with segmentation offload crossing veth (direct) and without
# (wire). Needs root. Writes tables to standard output and the raw lines to the file RAW.
#
# Two hops: Caracal and Yggdrasil are relayed by a node in the middle namespace, the others are routed by its kernel, whose
# work is not in the figures for CPU; nor is that of Yggdrasil's relay.
set -euo pipefail
cd "$(dirname "$0")"
ROUNDS=${ROUNDS:-3}
MB=${MB:-500}
MODES=${MODES:-direct wire}
HOPS=${HOPS:-1 2}
PROTOS=${PROTOS:-tcp tls quic kcp wireguard yggdrasil caracal}
TESTS=${TESTS:-first,ping,requests,bulk}
REPORT=${REPORT:-tables}
RAW=${RAW:-$(mktemp)}
P=cb$$
DIR=$(mktemp -d)
BENCH=$DIR/bench

[ "$(id -u)" = 0 ] || { echo "SKIP bench: needs root to make network namespaces" >&2; exit 0; }
command -v ethtool >/dev/null || { echo "bench needs ethtool (apt-get install ethtool)" >&2; exit 2; }
TAGS=
case " $PROTOS " in *" kcp "* | *" wireguard "* | *" yggdrasil "*) TAGS="-tags peers" ;; esac
CGO_ENABLED=0 go build $TAGS -o "$BENCH" .

cleanup() {
	for n in A R B; do
		ip netns pids "$P-$n" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
		ip netns del "$P-$n" 2>/dev/null || true
	done
	rm -rf "$DIR"
}
trap cleanup EXIT

at() { local n=$1; shift; ip netns exec "$P-$n" "$@"; }
# daemon NAME COMMAND…: the same, to be put into the background: $! is the command itself.
daemon() { local n=$1; shift; exec ip netns exec "$P-$n" "$@"; }

for n in A R B; do
	ip netns add "$P-$n"
	ip -n "$P-$n" link set lo up
done
ip link add ar netns "$P-A" type veth peer name ra netns "$P-R"
ip link add rb netns "$P-R" type veth peer name br netns "$P-B"
ip -n "$P-A" addr add 10.91.1.1/24 dev ar
ip -n "$P-R" addr add 10.91.1.2/24 dev ra
ip -n "$P-R" addr add 10.91.2.2/24 dev rb
ip -n "$P-B" addr add 10.91.2.1/24 dev br
for end in "A ar" "R ra" "R rb" "B br"; do
	set -- $end
	ip -n "$P-$1" link set dev "$2" up
done
ip -n "$P-A" route add 10.91.2.0/24 via 10.91.1.2
ip -n "$P-B" route add 10.91.1.0/24 via 10.91.2.2
at R sysctl -qw net.ipv4.ip_forward=1

offload() { # on|off; wire: nothing above the MTU crosses, the receiver may coalesce
	for end in "A ar" "R ra" "R rb" "B br"; do
		set -- $end "$1"
		at "$1" ethtool -K "$2" tso "$3" gso "$3" tx-udp-segmentation "$3" >/dev/null 2>&1 || true
		at "$1" ethtool -K "$2" gro on >/dev/null 2>&1 || true
	done
}

SID_R=$("$BENCH" -role sid -seed 2)
SID_B=$("$BENCH" -role sid -seed 3)

stop() { kill -TERM "$1" 2>/dev/null || true; wait "$1" 2>/dev/null || true; }

# ready FILE: waits until the server whose output that is takes connections.
ready() { for _ in $(seq 100); do grep -q ready "$1" 2>/dev/null && return; sleep 0.02; done; }

# one PROTO HOPS MODE: the server stands at R (one hop) or at B (two).
one() {
	local proto=$1 hops=$2 mode=$3 where=R addr=10.91.1.2 server relay="" client
	[ "$hops" = 1 ] || { where=B; addr=10.91.2.1; }
	rm -f "$DIR/server" "$DIR/relay"
	if [ "$proto $hops" = "yggdrasil 2" ]; then
		daemon R "$BENCH" -proto $proto -role relay -listen 0.0.0.0:4443 >"$DIR/relay" & relay=$!
		ready "$DIR/relay"
		daemon B "$BENCH" -proto $proto -peer 10.91.2.2:4443 >"$DIR/server" & server=$!
		client=(-peer 10.91.1.2:4443)
	elif [ "$proto" != caracal ]; then
		daemon $where "$BENCH" -proto $proto -listen "$addr:4443" >"$DIR/server" & server=$!
		client=(-peer "$addr:4443")
	elif [ "$hops" = 1 ]; then
		daemon R "$BENCH" -seed 2 -listen 0.0.0.0:4117 >"$DIR/server" & server=$!
		client=(-seed 1 -listen 0.0.0.0:4117 -peer 10.91.1.2:4117 -to "$SID_R")
	else
		daemon R "$BENCH" -role relay -seed 2 -listen 0.0.0.0:4117 >"$DIR/relay" & relay=$!
		ready "$DIR/relay"
		daemon B "$BENCH" -seed 3 -listen 0.0.0.0:4117 -peer 10.91.2.2:4117 >"$DIR/server" & server=$!
		client=(-seed 1 -listen 0.0.0.0:4117 -peer 10.91.1.2:4117 -to "$SID_B" -via "$SID_R")
	fi
	ready "$DIR/server"
	if at A "$BENCH" -proto $proto -role client -tests "$TESTS" -mb $MB "${client[@]}" >"$DIR/client"; then
		sed "s/^{/{\"hops\":$hops,\"mode\":\"$mode\",/" "$DIR/client" >>"$RAW"
	else
		echo "$proto over $hops hops, $mode: failed" >&2
	fi
	stop $server
	[ -z "$relay" ] || stop $relay
}

for mode in $MODES; do
	if [ $mode = wire ]; then offload off; else offload on; fi
	for round in $(seq $ROUNDS); do
		for hops in $HOPS; do
			for proto in $PROTOS; do one $proto $hops $mode; done
		done
	done
done
python3 report.py "$REPORT" "$RAW"
