# shellcheck shell=bash
# Namespaces A, R and B in a row, joined by veth, and how a transport is started between them. Sourced by bench.sh,
# paths.sh and relay.sh.
[ "$(id -u)" = 0 ] || { echo "SKIP bench: needs root to make network namespaces" >&2; exit 0; }
P=cb$$
DIR=$(mktemp -d)
BENCH=${BENCH:-}
RAW=${RAW:-$(mktemp)}
MTU=${MTU:-1500}

cleanup() {
	for n in A R B; do
		ip netns pids "$P-$n" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
		ip netns del "$P-$n" 2>/dev/null || true
	done
	rm -rf "$DIR"
}
trap cleanup EXIT

# build PROTOS…: the program, with the peers that need many modules only when they are asked for.
build() {
	[ -z "$BENCH" ] || return 0
	local tags=
	case " $* " in *" kcp "* | *" wireguard "* | *" yggdrasil "* | *" libp2p "*) tags="-tags peers" ;; esac
	BENCH=$DIR/bench
	# shellcheck disable=SC2086
	CGO_ENABLED=0 go build $tags -o "$BENCH" .
}

at() { local n=$1; shift; ip netns exec "$P-$n" "$@"; }
# daemon NAME COMMAND…: the same, to be put into the background: $! is the command itself.
daemon() { local n=$1; shift; exec ip netns exec "$P-$n" "$@"; }

row() { # makes the namespaces
	local n end
	for n in A R B; do
		ip netns add "$P-$n"
		ip -n "$P-$n" link set lo up
	done
	ip link add ar netns "$P-A" mtu "$MTU" type veth peer name ra netns "$P-R" mtu "$MTU"
	ip link add rb netns "$P-R" mtu "$MTU" type veth peer name br netns "$P-B" mtu "$MTU"
	ip -n "$P-A" addr add 10.91.1.1/24 dev ar
	ip -n "$P-R" addr add 10.91.1.2/24 dev ra
	ip -n "$P-R" addr add 10.91.2.2/24 dev rb
	ip -n "$P-B" addr add 10.91.2.1/24 dev br
	for end in "A ar" "R ra" "R rb" "B br"; do
		# shellcheck disable=SC2086
		set -- $end
		ip -n "$P-$1" link set dev "$2" up
	done
	ip -n "$P-A" route add 10.91.2.0/24 via 10.91.1.2
	ip -n "$P-B" route add 10.91.1.0/24 via 10.91.2.2
	at R sysctl -qw net.ipv4.ip_forward=1
}

offload() { # on|off; off: nothing above the MTU crosses, the receiver may coalesce
	local end on=$1
	command -v ethtool >/dev/null || { echo "bench needs ethtool (apt-get install ethtool)" >&2; exit 2; }
	for end in "A ar" "R ra" "R rb" "B br"; do
		# shellcheck disable=SC2086
		set -- $end
		at "$1" ethtool -K "$2" tso "$on" gso "$on" tx-udp-segmentation "$on" >/dev/null 2>&1 || true
		at "$1" ethtool -K "$2" gro on >/dev/null 2>&1 || true
	done
}

stop() { kill -TERM "$1" 2>/dev/null || true; wait "$1" 2>/dev/null || true; }

# ready FILE: waits until the server whose output that is takes connections.
ready() { for _ in $(seq 100); do grep -q ready "$1" 2>/dev/null && return; sleep 0.02; done; }

# one PROTO HOPS MODE ARGUMENTS…: the client's figures, with hops and mode, become a line of RAW. One hop: the server stands at R;
# two: at B, behind a relay at R; routed: at B, and R is a router for all.
one() {
	local proto=$1 hops=$2 mode=$3 where=B addr=10.91.2.1 server relay="" client kind=$1
	shift 3
	local -x GODEBUG=${GODEBUG:-}
	if [ "$proto" = chacha ]; then
		GODEBUG=cpu.aes=off kind=caracal
	fi
	[ "$hops" != 1 ] || { where=R; addr=10.91.1.2; }
	rm -f "$DIR/server" "$DIR/relay"
	if [ "$kind $hops" = "yggdrasil 2" ]; then
		daemon R "$BENCH" -proto "$proto" -role relay -listen 0.0.0.0:4443 >"$DIR/relay" & relay=$!
		ready "$DIR/relay"
		daemon B "$BENCH" -proto "$proto" -peer 10.91.2.2:4443 >"$DIR/server" & server=$!
		client=(-peer 10.91.1.2:4443)
	elif [ "$kind" != caracal ]; then
		daemon $where "$BENCH" -proto "$proto" -listen "$addr:4443" >"$DIR/server" & server=$!
		client=(-peer "$addr:4443")
	elif [ "$hops" = 2 ]; then
		daemon R "$BENCH" -role relay -seed 2 -listen 0.0.0.0:4117 >"$DIR/relay" & relay=$!
		ready "$DIR/relay"
		daemon B "$BENCH" -seed 3 -listen 0.0.0.0:4117 -peer 10.91.2.2:4117 >"$DIR/server" & server=$!
		client=(-seed 1 -listen 0.0.0.0:4117 -peer 10.91.1.2:4117 -to "$("$BENCH" -role sid -seed 3)" -via "$("$BENCH" -role sid -seed 2)")
	else
		daemon $where "$BENCH" -seed 2 -listen 0.0.0.0:4117 >"$DIR/server" & server=$!
		client=(-seed 1 -listen 0.0.0.0:4117 -peer "$addr:4117" -to "$("$BENCH" -role sid -seed 2)")
	fi
	ready "$DIR/server"
	if at A "$BENCH" -proto "$proto" -role client "${client[@]}" "$@" >"$DIR/client"; then
		sed "s/^{/{\"hops\":\"$hops\",\"mode\":\"$mode\",/" "$DIR/client" >>"$RAW"
	else
		echo "$proto, hops $hops, $mode: failed" >&2
	fi
	stop "$server"
	[ -z "$relay" ] || stop "$relay"
}
