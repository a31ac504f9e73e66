#!/usr/bin/env bash
# Two nodes behind two Linux routers, and a third outside: a direct path where the NATs allow one, the relay where they do not, and
# a transfer that does not stop while the path changes. Nothing is sent to anybody else.
source "$(dirname "$0")/lib.sh"
source test/netns/nat/world.sh

world
in_ns I tcpdump -q -n -s 128 -i any -w "$WORK/outside.pcap" udp 2>/dev/null &
TCPDUMP=$!
up R
R=$(sid_of R)

say "plain masquerade twice: relay, then direct, then relay again, under one transfer"
nat NA plain
nat NB plain
up A --peer 192.0.2.2
up B --peer 192.0.2.2 --accept all
A=$(sid_of A)
B=$(sid_of B)
lists A "$B" 60
knows A easy || die "A does not know its NAT: $(cc A status)"
cc A status | grep '^nat: '

# doctor_says TEXT: A's doctor has a finding that begins so.
doctor_says() {
	soon said "$1" || die "the doctor does not say $1: $(cat "$WORK/doctor.json")"
	ok "the doctor: $1"
}
said() {
	cc A doctor --json >"$WORK/doctor.json" || true
	grep -qF "$1" "$WORK/doctor.json"
}
head -c 200000000 /dev/urandom >"$WORK/film"
# films: one transfer after the other, so that one goes on whenever the path changes, however fast the machine is.
films() {
	trap - EXIT
	until [ -e "$WORK/enough" ]; do
		rm -f "$WORK/home-B/files/film"
		cc A send "$WORK/film" B >"$WORK/send.log" 2>&1 && cmp "$WORK/film" "$WORK/home-B/files/film" || return 1
	done
}
[ "$(state A "$B")" = mesh ] || die "B is $(state A "$B"), not behind the relay"
films &
SEND=$!
START=$(date +%s%N)
is A "$B" direct 5 || die "not direct within 5 s: $(cc A why B)"
ok "direct after $((($(date +%s%N) - START) / 1000000)) ms"
kill -0 $SEND 2>/dev/null || die "a transfer stopped: $(cat "$WORK/send.log")"
in_ns I nft -f - <<-RULES
	table ip cut {
		chain f {
			type filter hook forward priority 0
			ip saddr 11.0.113.2 ip daddr 198.51.100.2 drop
			ip saddr 198.51.100.2 ip daddr 11.0.113.2 drop
		}
	}
RULES
is A "$B" mesh 5 || die "the path was cut, and B is $(state A "$B")"
ok "the hole is closed: over the relay again"
touch "$WORK/enough"
wait $SEND || die "a transfer stopped, or its file differs: $(cat "$WORK/send.log")"
ok "$(tail -n 1 "$WORK/send.log")"
in_ns I nft delete table ip cut
rm -f "$WORK/film" "$WORK/home-B/files/film"
doctor_says '"check":"nat","level":"ok","text":"NAT easy'

say "one router before two networks, which does not hairpin"
up C --peer 192.0.2.2
C=$(sid_of C)
meets A C "$C"
knows C easy || die "C does not know its NAT: $(cc C status)"
cc A punch C --verbose || die "A and C share an outer address, and do not meet"
cc A why C | has 'direct, inet 192.168.3.10' || die "not by their inner addresses: $(cc A why C)"
ok "they meet by their inner addresses"
ends A B C

say "random ports on both sides: stays on the relay, and why says so"
nat NA random
nat NB random
up A --peer 192.0.2.2
up B --peer 192.0.2.2 --accept all
meets A B "$B"
knows A hard && knows B hard || die "they do not know their NATs: $(cc A status)"
cc A status | grep '^nat: '
code=0
cc A punch B --verbose || code=$?
[ $code = 5 ] || die "punch ended with $code, not 5"
cc A ping B -c 2
cc A why B | tee "$WORK/why"
grep -q 'symmetric NAT' "$WORK/why" || die "why does not say why"
[ "$(state A "$B")" = mesh ] || die "B is $(state A "$B")"
ok "over the relay, and said so"
doctor_says '"check":"nat","level":"hint","text":"NAT hard'
doctor_says '"check":"indirect","level":"hint","text":"no direct path to B: both networks change'
ends A

say "random ports on both sides by IPv4, and by IPv6 routers that let in only what was asked for"
ends B
six NA
six NB
up A --peer 192.0.2.2
up B --peer 192.0.2.2 --accept all
meets A B "$B"
knows A hard && knows B hard || die "they do not know their NATs"
cc A punch B --verbose || die "no direct path by IPv6"
cc A why B | has '2a00:' || die "not by IPv6: $(cc A why B)"
ok "direct by IPv6, through two firewalls"
ends A B
no_six

say "random ports on one side: many sockets and a search"
nat NA fully-random
nat NB plain
up A --peer 192.0.2.2
up B --peer 192.0.2.2 --accept all
meets A B "$B"
knows A hard && knows B easy || die "they do not know their NATs"
found=no
for _ in 1 2 3; do # a search is luck, of 88 to 98 % (N4.3): three that find nothing are a fault
	cc A punch B --verbose && found=yes && break
done
[ $found = yes ] || die "no direct path by three searches"
cc A ping B -c 3 | tail -n 1
ends A B

if command -v miniupnpd >/dev/null; then
	say "random ports on both sides, but one router opens a port when asked"
	igd NA
	nat NB random
	up A --peer 192.0.2.2
	up B --peer 192.0.2.2 --accept all
	opened A || die "no port was opened: $(cat "$WORK/igd.log")"
	in_ns NA nft list chain inet filter prerouting_miniupnpd | has 'dnat' || die "the router has no mapping"
	meets A B "$B"
	cc A punch B --verbose || die "no direct path over the mapped port"
	ends A
	in_ns NA nft list chain inet filter prerouting_miniupnpd | has 'dnat' && die "the mapping stayed"
	grep -q 'by=PCP' "$WORK/up-A.log" || die "not by PCP: $(grep 'opened a port' "$WORK/up-A.log")"
	ok "the router opened a port by PCP, that made the path direct, and it was taken back"
	kill $IGD
	ends B
else
	echo "SKIP miniupnpd is not installed: no router that opens ports"
fi

say "what went over the Internet"
cc R down
kill $TCPDUMP
wait $TCPDUMP || true
python3 - "$WORK/outside.pcap" <<'PY'
import socket, struct, sys
data = open(sys.argv[1], "rb").read()
link = struct.unpack("<I", data[20:24])[0]
head = {1: 14, 113: 16, 276: 20}[link]
ours = {"192.0.2.2", "11.0.113.2", "198.51.100.2", "2a00:1::10", "2a00:2::10"}
at, seen, others = 24, {}, {}
while at + 16 <= len(data):
    caplen = struct.unpack("<I", data[at + 8:at + 12])[0]
    p = data[at + 16 + head:at + 16 + caplen]
    at += 16 + caplen
    if len(p) < (40 if p[:1] >= b"`" else 20) or p[0] >> 4 not in (4, 6):  # the last one may be cut short
        continue
    dst = socket.inet_ntoa(p[16:20]) if p[0] >> 4 == 4 else socket.inet_ntop(socket.AF_INET6, p[24:40])
    kind = seen if dst in ours else others
    kind[dst] = kind.get(dst, 0) + 1
bad = {d: n for d, n in others.items() if not d.startswith(("224.", "239.", "255.", "ff0")) and not d.endswith(".255")}
if bad or len(seen) != len(ours):
    sys.exit(f"not ok: sent to {seen}, and to nobody's {bad}")
print(f"ok: datagrams only to who was configured or met: {seen}")
PY

say "nat: all ok"
