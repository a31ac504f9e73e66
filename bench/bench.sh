#!/usr/bin/env bash
# Measures one stream over one hop and over two, Caracal beside iperf3 TCP, TCP with TLS 1.3 and
# quic-go, in the same run: ROUNDS interleaved rounds in namespaces joined by veth, with
# segmentation offload crossing veth (direct) and without (wire). Needs root.
# Writes the table to standard output and the raw lines to the file RAW.
set -euo pipefail
cd "$(dirname "$0")"
ROUNDS=${ROUNDS:-3}
MB=${MB:-500}
MODES=${MODES:-direct wire}
RAW=${RAW:-$(mktemp)}
P=cb$$
DIR=$(mktemp -d)
BENCH=$DIR/bench

[ "$(id -u)" = 0 ] || { echo "SKIP bench: needs root to make network namespaces" >&2; exit 0; }
for tool in iperf3 ethtool; do
	command -v $tool >/dev/null || { echo "bench needs $tool (apt-get install $tool)" >&2; exit 2; }
done
CGO_ENABLED=0 go build -o "$BENCH" .

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

# The server stands at R (one hop) or at B (two). figures: client JSON, then CPU of the others.
SERVER_SID_R=$("$BENCH" -role sid -seed 2)
SERVER_SID_B=$("$BENCH" -role sid -seed 3)

stop() { kill -TERM "$1" 2>/dev/null || true; wait "$1" 2>/dev/null || true; }

one() { # proto hops mode
	local proto=$1 hops=$2 mode=$3 where addr sid relay= server client
	if [ "$hops" = 1 ]; then where=R addr=10.91.1.2 sid=$SERVER_SID_R; else where=B addr=10.91.2.1 sid=$SERVER_SID_B; fi
	case $proto in
	iperf)
		daemon $where iperf3 -s -1 -p 5999 >/dev/null 2>&1 & server=$!
		sleep 0.4
		at A iperf3 -c $addr -p 5999 -n ${MB}M -J >"$DIR/out" 2>/dev/null
		stop $server
		python3 - "$DIR/out" "$hops" "$mode" <<'PY' >>"$RAW"
import json, sys
r = json.load(open(sys.argv[1]))["end"]
c = r["cpu_utilization_percent"]
s = r["sum_received"]
cpu = (c["host_total"] + c["remote_total"]) / 100 * s["seconds"]
print(json.dumps({"proto": "iperf", "hops": int(sys.argv[2]), "mode": sys.argv[3], "mbit_s": s["bits_per_second"] / 1e6,
                  "cpu_gb": cpu / (s["bytes"] / 1e9)}))
PY
		return ;;
	caracal)
		if [ "$hops" = 2 ]; then
			daemon R "$BENCH" -role relay -seed 2 -listen 0.0.0.0:4117 >"$DIR/relay" & relay=$!
			sleep 0.3
			daemon B "$BENCH" -role server -seed 3 -listen 0.0.0.0:4117 -peer 10.91.2.2:4117 >"$DIR/server" & server=$!
		else
			daemon R "$BENCH" -role server -seed 2 -listen 0.0.0.0:4117 >"$DIR/server" & server=$!
		fi
		sleep 1.5
		client=(-seed 1 -listen 0.0.0.0:4117 -peer 10.91.1.2:4117 -to "$sid") ;;
	*)
		daemon $where "$BENCH" -proto $proto -role server -listen "$addr:4443" >"$DIR/server" & server=$!
		sleep 0.4
		client=(-peer "$addr:4443") ;;
	esac
	at A "$BENCH" -proto $proto -role client -mb $MB "${client[@]}" >"$DIR/client" || echo "$proto over $hops hops failed" >&2
	stop $server
	[ -z "$relay" ] || stop $relay
	python3 - "$hops" "$mode" "$MB" "$DIR/client" "$DIR/server" ${relay:+"$DIR/relay"} <<'PY' >>"$RAW"
import json, sys
files = [json.loads(open(f).readline() or "{}") for f in sys.argv[4:]]
c = files[0]
if "mbit_s" in c:
    c.update(hops=int(sys.argv[1]), mode=sys.argv[2], cpu_gb=sum(f.get("cpu_s", 0) for f in files) / (int(sys.argv[3]) / 1e3))
    c["server_rss_mb"] = files[1].get("rss_mb")
    print(json.dumps(c))
PY
}

for mode in $MODES; do
	if [ $mode = wire ]; then offload off; else offload on; fi
	for round in $(seq $ROUNDS); do
		for hops in 1 2; do
			for proto in iperf tls quic caracal; do one $proto $hops $mode; done
		done
	done
done

python3 - "$RAW" <<'PY'
import collections, json, statistics, sys
runs = collections.defaultdict(list)
for line in open(sys.argv[1]):
    r = json.loads(line)
    runs[r["mode"], r["hops"], r["proto"]].append(r)
med = lambda rs, k: statistics.median([r[k] for r in rs if r.get(k) is not None]) if any(r.get(k) is not None for r in rs) else None
show = lambda v, f: "–" if v is None else f % v
print("| veth | hops | transport | Mbit/s | × iperf3 TCP | × quic-go | CPU s/GB | first byte ms |")
print("|---|---|---|---|---|---|---|---|")
for (mode, hops, proto), rs in runs.items():
    rate = med(rs, "mbit_s")
    ratio = lambda p: rate / med(runs[mode, hops, p], "mbit_s") if (mode, hops, p) in runs else None
    print("| %s | %d | %s | %.0f | %s | %s | %s | %s |" % (mode, hops, proto, rate, show(ratio("iperf"), "%.2f"), show(ratio("quic"), "%.2f"),
          show(med(rs, "cpu_gb"), "%.2f"), show(med(rs, "first_byte_ms"), "%.1f")))
PY
