#!/usr/bin/env bash
# The doctor's word against real faults: each is made between two nodes on one LAN, must be found with exit code 10,
# what shows it, and a command that mends it; and must be gone when the fault is.
source "$(dirname "$0")/lib.sh"

# finds CHECK LEVEL [ARGS…]: A's doctor has such a finding, at the latest when what it tells has been noticed; what it says is shown.
finds() {
	soon found "$@" || { cc A doctor || true; die "doctor does not find $1 ($2)"; }
	cat "$WORK/found.txt"
}
found() {
	local check=$1 level=$2 code=0
	shift 2
	cc A doctor --json "$@" >"$WORK/doctor.json" || code=$?
	python3 - "$WORK/doctor.json" "$check" "$level" "$code" >"$WORK/found.txt" <<'PY'
import json, sys
doc, check, level, code = json.load(open(sys.argv[1])), *sys.argv[2:]
assert doc["schema"] == "caracal.doctor/1", doc
assert int(code) == (10 if doc["problems"] else 0), (code, doc["problems"])
found = [f for f in doc["findings"] if f["check"] == check and f["level"] == level]
if not found: sys.exit(1)
f = found[0]
if level == "problem": assert f.get("why") or f.get("commands"), f
print("ok: %s: %s" % (f["section"], f["text"]), *f.get("commands", []), sep="\n      ")
PY
}

# well: nothing is wrong.
well() {
	soon healthy || {
		cat "$WORK/doctor.txt"
		die "a problem where there is none"
	}
}
healthy() { cc A doctor >"$WORK/doctor.txt"; }

nft_a() { in_ns A nft "$@"; }

say "two nodes, nothing wrong"
ns A B
wire A lan 10.85.1.1/24 B lan 10.85.1.2/24
up A
up B
B=$(sid_of B)
lists A "$B" 60
cc A name B buddy
well
cat "$WORK/doctor.txt"
finds echo ok
finds reach ok

say "a firewall that drops beacons, and its cure"
nft_a add table inet f
nft_a add chain inet f in '{ type filter hook input priority 0; }'
nft_a add rule inet f in udp dport 4118 drop
finds echo problem
finds udp-4118 problem
cc A doctor --fix >"$WORK/doctor.txt" 2>&1 || true
nft_a list ruleset | has 'udp dport 4118 accept' || die "--fix did not open the port"
well
ok "--fix opened the port"

say "only multicast is dropped"
nft_a flush chain inet f in
nft_a add rule inet f in ip daddr 239.255.41.18 drop
finds echo problem

say "a firewall that drops data"
nft_a flush chain inet f in
nft_a add rule inet f in udp dport 4117 drop
finds reach problem
finds one-way problem
nft_a flush chain inet f in
lists A "$B" 60

say "large packets vanish on the way"
in_ns B nft add table inet f
in_ns B nft add chain inet f in '{ type filter hook input priority 0; }'
in_ns B nft add rule inet f in udp length gt 1000 drop
finds mtu hint buddy
in_ns B nft delete table inet f

say "something else has the LAN's route"
ip -n "$P-A" link add tun9 type veth peer name tun9p
ip -n "$P-A" addr add 172.31.9.9/32 dev tun9
ip -n "$P-A" link set tun9 up
in_ns A sysctl -qw net.ipv6.conf.tun9p.disable_ipv6=1
ip -n "$P-A" link set tun9p up
ip -n "$P-A" route add 10.85.1.0/25 dev tun9
ip -n "$P-A" route add 10.85.1.128/25 dev tun9
finds captured problem
ip -n "$P-A" link del tun9

say "an interface without an address"
ip -n "$P-A" link add bare type veth peer name barep
in_ns A sysctl -qw net.ipv6.conf.bare.disable_ipv6=1 net.ipv6.conf.barep.disable_ipv6=1
ip -n "$P-A" link set bare up
ip -n "$P-A" link set barep up
finds address problem
ip -n "$P-A" link del bare

say "multicast switched off on the interface"
ip -n "$P-A" link set lan multicast off
finds multicast-off hint
cc A doctor --fix >/dev/null 2>&1 || true
ip -n "$P-A" link show lan | has MULTICAST || die "--fix did not switch multicast on"
ok "--fix switched it on"

say "a key that others can read"
chmod 644 "$WORK/home-A/identity.key"
finds key-mode problem
cc A doctor --fix >/dev/null 2>&1 || true
[ "$(stat -c %a "$WORK/home-A/identity.key")" = 600 ] || die "--fix did not close the key"
ok "--fix closed it"

say "a full disk"
mount -t tmpfs -o size=1m none "$WORK/home-A/files"
finds files-space problem
umount "$WORK/home-A/files"

say "few files may be open"
ns L
daemon L bash -c "ulimit -n 128; exec '$CARACAL' up --fg --home '$WORK/home-L'" >>"$WORK/up-L.log" 2>&1 &
sid_of L >/dev/null
cc L doctor --json >"$WORK/doctor.json" || true
grep -q '"check":"open-files","level":"hint","text":"[0-9]* of 128 files' "$WORK/doctor.json" || die "the limit is not told"
ok "128 files are few"

say "a copied identity"
mkdir -m 700 "$WORK/home-T"
cp -p "$WORK/home-A/identity.key" "$WORK/home-T/"
ns T
wire A two 10.85.2.1/24 T two 10.85.2.2/24
up T
finds twin problem
kill "$PID_T"
wait "$PID_T" || true

say "a peer that is gone"
kill "$PID_B"
wait "$PID_B" || true
finds reach problem buddy

say "no node, and another program on its port"
kill "$PID_A"
wait "$PID_A" || true
daemon A python3 -c 'import socket,time; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(("",4117)); time.sleep(600)' &
HOG=$!
finds running problem
finds port problem
grep -q "python3 (pid" "$WORK/doctor.json" || die "does not say who has the port"
kill "$HOG"
