#!/usr/bin/env bash
# What idle nodes cost: N of them on one LAN for SECONDS_IDLE seconds. Bytes include Ethernet, IP
# and UDP headers. Needs root.
set -euo pipefail
cd "$(dirname "$0")"
N=${N:-8}
SECONDS_IDLE=${SECONDS_IDLE:-60}
P=ci$$
DIR=$(mktemp -d)
[ "$(id -u)" = 0 ] || { echo "SKIP idle: needs root to make network namespaces" >&2; exit 0; }
CGO_ENABLED=0 go build -C .. -tags nethttpomithttp2 -trimpath -ldflags "-s -w" -o "$DIR/caracal" ./cmd/caracal

cleanup() {
	for n in L $(seq "$N"); do
		ip netns pids "$P-$n" 2>/dev/null | xargs -r kill 2>/dev/null || true
		ip netns del "$P-$n" 2>/dev/null || true
	done
	rm -rf "$DIR"
}
trap cleanup EXIT

ip netns add "$P-L"
ip -n "$P-L" link add br0 type bridge
ip -n "$P-L" link set dev br0 up
cp "$DIR/caracal" "$DIR/own" # the first has a file of its own, so that what others use of theirs does not count
declare -a PIDS
for n in $(seq "$N"); do
	ip netns add "$P-$n"
	ip link add "p$n" netns "$P-L" type veth peer name eth0 netns "$P-$n"
	ip -n "$P-L" link set dev "p$n" master br0 up
	ip -n "$P-$n" link set dev lo up
	ip netns exec "$P-$n" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	ip -n "$P-$n" addr add "10.92.0.$n/24" dev eth0
	ip -n "$P-$n" link set dev eth0 up
	program=$DIR/caracal
	[ "$n" != 1 ] || program=$DIR/own
	(exec ip netns exec "$P-$n" "$program" up --fg --home "$DIR/h$n" --name "n$n" >"$DIR/log$n" 2>&1) &
	PIDS[$n]=$!
done
sleep "${SETTLE:-90}" # until discovery has calmed down, and what the start needed was let go of (ADR 0059)

ticks() { awk '{print $14 + $15}' "/proc/${PIDS[1]}/stat"; }
wakes() { awk '/^(non)?voluntary_ctxt_switches/ {s += $2} END {print s}' /proc/"${PIDS[1]}"/task/*/status; }
sent() { ip netns exec "$P-1" cat /sys/class/net/eth0/statistics/tx_bytes; }
echo 1 >"/proc/${PIDS[1]}/clear_refs" 2>/dev/null || true # from now on the kernel notes which pages are used
t=$(ticks) w=$(wakes) b=$(sent)
[ -z "${PCAP:-}" ] || ip netns exec "$P-1" timeout "$SECONDS_IDLE" tcpdump -q -i eth0 -s 96 -w "$PCAP" 2>/dev/null &
sleep "$SECONDS_IDLE"
t=$(($(ticks) - t)) w=$(($(wakes) - w)) b=$(($(sent) - b))
awk -v t="$t" -v w="$w" -v b="$b" -v s="$SECONDS_IDLE" 'BEGIN {
	printf "sent %.0f B/s, CPU %.2f %%, %.0f context switches/s\n", b / s, t / s, w / s }'
resident() { awk -v when="$1" '/VmRSS/ {r = $2} /RssAnon/ {a = $2} END {printf "resident %.1f MB, of its own %.1f%s\n", r / 1000, a / 1000, when}' "/proc/${PIDS[1]}/status"; }
resident ""
awk '/^[0-9a-f]+-/ {file = $6 ~ /own$/} /^Rss:/ {r += $2 * file} /^Referenced:/ {u[file] += $2} END {
	printf "of the program file %.1f MB; used meanwhile: of the file %.1f MB, of the rest %.1f MB\n", r / 1000, u[1] / 1000, u[0] / 1000 }' \
	"/proc/${PIDS[1]}/smaps"
ip netns exec "$P-1" "$DIR/caracal" peers --home "$DIR/h1" --json | grep -o '"sid"' | wc -l |
	awk -v n="$N" '{print "nodes " n ", peers of the first " $1}'
resident ", once it was asked for its peers"
