#!/usr/bin/env bash
# What changes on a LAN is noticed: an interface that comes after the start, another one to a second LAN, an address
# that changes, a second node on the same machine, a port that is taken.
source "$(dirname "$0")/lib.sh"

say "an interface that appears after the start is used"
ns A B
up A
up B
A=$(sid_of A)
B=$(sid_of B)
wire A eth0 10.83.1.1/24 B eth0 10.83.1.2/24
lists A "$B" 3
lists B "$A" 3

say "a second LAN, while the first stays: peers on both, and whoever is on only one meets the others through us"
ns C
up C
C=$(sid_of C)
wire A eth1 10.83.2.1/24 C eth0 10.83.2.2/24
lists A "$C" 3
lists C "$A" 3
lists C "$B" 3
[ "$(cc A peers --json | grep -o '"state":"direct"' | wc -l)" = 2 ] || die "A has not both as neighbours: $(cc A peers)"
cc C ping "$B" -c 2 >"$WORK/ping.out" || { cat "$WORK/ping.out"; die "C does not reach B through A"; }
ok "two LANs: $(tail -n 1 "$WORK/ping.out")"
cc C down
ip -n "$P-A" link del eth1

say "an address changes; the peer stays reachable"
ip -n "$P-B" addr del 10.83.1.2/24 dev eth0
ip -n "$P-B" addr add 10.83.1.77/24 dev eth0
START=$(date +%s%N)
answered() { cc A ping "$B" -c 1 --timeout 1s >"$WORK/ping.out" 2>&1; }
at_new() { cc A why "$B" | has 10.83.1.77 && answered; }
soon at_new || { cat "$WORK/ping.out"; die "B is lost after its address changed"; }
TOOK=$((($(date +%s%N) - START) / 1000000))
[ $TOOK -le 5000 ] || die "B answers from its new address only after $TOOK ms"
ok "B answers from its new address after $TOOK ms"

say "the cable is pulled and put back"
ip -n "$P-A" link set dev eth0 down
sleep 2
ip -n "$P-A" link set dev eth0 up
lists A "$B" 5
soon answered || die "B does not answer after the cable is back"
ok "B answers again"

say "a second node on the same machine"
code=0
in_ns A "$CARACAL" up --fg --home "$WORK/home-A2" --name A2 --listen 0.0.0.0:4117 >"$WORK/taken.out" 2>&1 || code=$?
[ $code = 1 ] || die "two nodes on one port: exit code $code, not 1"
grep -q 4117 "$WORK/taken.out" || die "the message does not name the port: $(cat "$WORK/taken.out")"
ok "$(head -1 "$WORK/taken.out")"
daemon A "$CARACAL" up --fg --home "$WORK/home-A2" --name A2 --listen :0 >>"$WORK/up-A2.log" 2>&1 &
SEAT[A2]=A
A2=$(sid_of A2)
lists B "$A2" 5
lists A "$A2" 5

for n in A B A2; do cc $n down; done
say "lan changes: all ok"
