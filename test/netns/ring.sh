#!/usr/bin/env bash
# Rings of veth links, a namespace and a node for each place. In one of eight the next hop of a ping at 20 Hz falls silent,
# TRIALS times: how long was there no answer? In one of five an interface is cut under a running transfer. On a LAN of
# LAN_NODES everybody idles.
source "$(dirname "$0")/lib.sh"

TRIALS=${TRIALS:-2}
SIZE_MB=${SIZE_MB:-600}
LAN_NODES=${LAN_NODES:-0}

# ring NAME…: nodes in a circle, each linked with the next.
ring() {
	local -a names=("$@")
	local i next
	ns "$@"
	for ((i = 0; i < $#; i++)); do
		next=$(((i + 1) % $#))
		wire "${names[i]}" right "10.84.$i.1/24" "${names[next]}" left "10.84.$i.2/24"
	done
	for i in "$@"; do
		daemon "$i" nice -n -10 "$CARACAL" up --fg --home "$WORK/home-$i" --name "$i" --accept all >>"$WORK/up-$i.log" 2>&1 &
		eval "PID_$i=$!"
	done
}

# via NAME PEER: the name of the next hop.
via() { cc "$1" why "$2" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["via_name"])'; }

say "a ring of eight, whose next hop falls silent, $TRIALS times"
ring r0 r1 r2 r3 r4 r5 r6 r7
FAR=$(sid_of r4)
lists r0 "$FAR" 60
lists r4 "$(sid_of r0)" 60
cc r0 ping r4 -c 20 -i 0.05s >/dev/null || die "no answer around the ring"
both() { [ "$(cc r0 why r4 --json | grep -o '"state":"[a-z-]*"' | wc -l)" -ge 2 ] && [ "$(cc r4 why r0 --json | grep -o '"state":"[a-z-]*"' | wc -l)" -ge 2 ]; }
soon both || die "there are no two ways around the ring: $(cc r0 why r4)"
sleep 3
: >"$WORK/outages"
for ((trial = 1; trial <= TRIALS; trial++)); do
	cc r0 ping r4 -c 120 -i 50ms --json >"$WORK/ping" 2>&1 &
	PING=$!
	soon grep -q '"seq":3[0-9]' "$WORK/ping" # it is on its way, whatever the machine is doing
	sleep "0.$((RANDOM % 90 + 10))"
	hop=$(via r0 r4)
	[ -n "$hop" ] || die "why does not name the next hop"
	pid="PID_$hop"
	kill -STOP "${!pid}"
	wait $PING || die "no answer at all"
	kill -CONT "${!pid}"
	python3 - "$WORK/ping" <<'PY' >>"$WORK/outages"
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
replies = [e for e in events if e.get("event") == "reply"]
came = sorted(e["seq"] * 50 + e["rtt_ms"] for e in replies)
gap = max(b - a for a, b in zip(came, came[1:])) - 50
seqs = {e["seq"] for e in replies}
lost = sum(1 for seq in range(1, 121) if seq not in seqs)
print(round(max(gap, 0) if max(seqs) > 110 else 99999), lost)
PY
	read -r gap lost < <(tail -n 1 "$WORK/outages")
	echo "$hop silent: $gap ms without an answer, $lost pings of 120 lost"
	soon both || die "$hop is back, and no way leads by it: $(cc r0 why r4)"
	sleep 3
done
P50=$(sort -n "$WORK/outages" | sed -n "$(((TRIALS + 1) / 2))p" | cut -d' ' -f1)
WORST=$(sort -n "$WORK/outages" | tail -n 1 | cut -d' ' -f1)
echo "p50 $P50 ms, most $WORST ms of $TRIALS"
[ "$WORST" -le 1000 ] && { [ "$TRIALS" -lt 10 ] || [ "$P50" -le 300 ]; } || die "bars: p50 300 ms, p99 1000 ms"
ok "the ring heals"
for i in r0 r1 r2 r3 r4 r5 r6 r7; do pid="PID_$i"; kill "${!pid}"; done
wait 2>/dev/null

say "a ring of five, an interface cut under a transfer of $SIZE_MB MB"
ring v0 v1 v2 v3 v4
lists v0 "$(sid_of v2)" 60
head -c $((SIZE_MB * 1000000)) /dev/urandom >"$WORK/blob"
cc v0 ping v2 -c 5 -i 100ms >/dev/null || die "no answer"
hop=$(via v0 v2)
cc v0 send "$WORK/blob" v2 >"$WORK/send.log" 2>&1 &
SEND=$!
for _ in $(seq 1000); do # the cut comes when it has begun, however fast the machine is
	on_disk v2 $((SIZE_MB / 20)) && break
	kill -0 $SEND 2>/dev/null || break
	sleep 0.01
done
kill -0 $SEND 2>/dev/null || die "the transfer was over before the cut: raise SIZE_MB"
if [ "$hop" = v1 ]; then dev=right; else dev=left; fi
ip -n "$P-v0" link set dev $dev down
wait $SEND || die "the transfer ended: $(tail -n 3 "$WORK/send.log")"
cc v0 why v2 | tee "$WORK/why"
now=$(via v0 v2)
[ "$now" != "$hop" ] || die "it still goes by $hop"
grep -q "last change" "$WORK/why" && grep "last change" "$WORK/why" | has "$hop" || die "why does not tell that $hop was the way before"
ok "the transfer went on by $now, and why tells"

[ "$LAN_NODES" -gt 0 ] || exit 0
for i in v0 v1 v2 v3 v4; do pid="PID_$i"; kill "${!pid}"; done
wait
say "$LAN_NODES nodes idle on one LAN"
ns L
ip -n "$P-L" link add br0 type bridge
ip -n "$P-L" link set dev br0 up
NAMES=()
for ((i = 1; i <= LAN_NODES; i++)); do
	NAMES+=("i$i")
	ns "i$i"
	ip link add "p$i" netns "$P-L" type veth peer name eth0 netns "$P-i$i"
	ip -n "$P-L" link set dev "p$i" master br0 up
	in_ns "i$i" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	ip -n "$P-i$i" addr add "10.85.0.$i/24" dev eth0
	ip -n "$P-i$i" link set dev eth0 up
	up "i$i"
done
lists i1 "$(sid_of "i$LAN_NODES")" 30
sleep 90
sent() { for i in "${NAMES[@]}"; do in_ns "$i" cat /sys/class/net/eth0/statistics/tx_bytes; done | awk '{s += $1} END {print s}'; }
B=$(sent)
sleep 30
EACH=$((($(sent) - B) / 30 / LAN_NODES))
echo "$EACH B/s each, with all headers"
[ "$EACH" -le 60 ] || die "bar: 60 B/s"
ok "idle is quiet"
