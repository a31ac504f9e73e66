#!/usr/bin/env bash
# The main job: A - R - B in three namespaces on two LANs with no default route and no
# configuration. A finds B, traces it through R, sends it a real file that survives B's
# death in the middle, and nothing of it can be read on the wire. Then the same on one
# LAN, and with IPv6 link-local addresses only.
source "$(dirname "$0")/lib.sh"

SIZE_MB=${SIZE_MB:-200}
NAME=canary-holiday-film.bin

say "A - R - B, two LANs, IPv4 only, no default route"
ns A R B
wire A ab 10.81.1.1/24 R ra 10.81.1.2/24
wire R rb 10.81.2.1/24 B br 10.81.2.2/24
up A
up R
up B --accept all
B=$(sid_of B)
lists A "$B" 60
A=$(sid_of A)
R=$(sid_of R)

cc A ping "$B" -c 3
cc A trace "$B" | tee "$WORK/trace.out"
grep -q "${R:0:8}" "$WORK/trace.out" || die "trace does not show R"
ok "trace shows R"

say "a $SIZE_MB MB file A to B by name, captured between R and B"
# Every 64 KiB block begins with a word that must not appear on the wire.
python3 - "$WORK/$NAME" "$SIZE_MB" <<'PY'
import os, sys
with open(sys.argv[1], "wb") as f:
    for _ in range(int(sys.argv[2]) * 16):
        f.write(b"CANARY-IN-THE-FILE" + os.urandom(65536 - 18))
PY
SUM=$(sha256sum <"$WORK/$NAME")
daemon R tcpdump -q -U -i rb -s 0 -w "$WORK/rb.pcap" udp 2>/dev/null &
TCPDUMP=$!
soon test -s "$WORK/rb.pcap" || die "tcpdump does not start"
cc A send "$WORK/$NAME" B
kill "$TCPDUMP"
wait "$TCPDUMP" || true
GOT="$WORK/home-B/files/$NAME"
[ "$(sha256sum <"$GOT")" = "$SUM" ] || die "the file differs"
ok "same SHA-256"

python3 - "$WORK/rb.pcap" "$A" "$R" "$B" <<'PY' || die "something readable on the wire"
import struct, sys
data = open(sys.argv[1], "rb").read()
words = [b"CANARY-IN-THE-FILE", b"canary-holiday-film", b"caracal.files"]
at, packets, size = 24, 0, 0
while at + 16 <= len(data):
    caplen = struct.unpack("<I", data[at + 8:at + 12])[0]
    packet = data[at + 16:at + 16 + caplen]
    at += 16 + caplen
    payload = packet[42:]  # Ethernet, IPv4 without options, UDP
    packets, size = packets + 1, size + len(packet)
    if payload[:1] == b"\xc0" or b"_caracal" in payload:
        continue  # beacons and mDNS say who is there; that is their job
    for word in words:
        if word in payload:
            sys.exit(f"packet {packets} shows {word!r}")
    for sid in sys.argv[2:]:
        if bytes.fromhex(sid) in payload or sid.encode() in payload:
            sys.exit(f"packet {packets} shows the SID {sid}")
if size < 1e6:
    sys.exit(f"captured only {size} bytes: the test has seen nothing")
print(f"ok: {packets} packets, {size / 1e6:.0f} MB captured: no file byte, name, SID or service name in clear")
PY
rm -f "$GOT" "$WORK/rb.pcap"

say "Ctrl-C in the middle"
code=0
at A send cut "$WORK/$NAME" B
SEND=$!
for _ in $(seq 1000); do
	on_disk B $((SIZE_MB / 4)) && break
	sleep 0.02
done
kill -INT $SEND
wait $SEND || code=$?
cat "$WORK/cut.log"
[ $code = 8 ] || die "Ctrl-C ended send with $code, not 8"
cc A send "$WORK/$NAME" B 2>&1 | tee "$WORK/again.out"
grep -q "continuing at" "$WORK/again.out" || die "the same command did not continue"
[ "$(sha256sum <"$GOT")" = "$SUM" ] || die "the continued file differs"
ok "exit 8, and the same command continued"
rm -f "$GOT"

say "B is killed in the middle and comes back"
cc A send "$WORK/$NAME" B --json >"$WORK/send1.json" 2>"$WORK/send1.log" &
SEND=$!
for _ in $(seq 1000); do
	on_disk B $((SIZE_MB / 4)) && break
	kill -0 $SEND 2>/dev/null || break
	sleep 0.02
done
kill -0 $SEND 2>/dev/null || die "the transfer was over before B could be killed: use a larger SIZE_MB"
kill -9 "$PID_B"
wait "$PID_B" 2>/dev/null || true
BEFORE=$(du -sm "$WORK/home-B/files" | cut -f1)
ok "B killed with about $BEFORE MB on its disk"
bytes_to_b() { in_ns R cat /sys/class/net/rb/statistics/tx_bytes; }
START=$(bytes_to_b)
up B --accept all
[ "$(sid_of B)" = "$B" ] || die "B came back as somebody else"
code=0
wait $SEND || code=$?
case $code in
0) ok "the running command went on by itself" ;;
8) ok "the running command said it can be resumed (exit 8)" ;;
*) cat "$WORK/send1.log"; die "send ended with $code" ;;
esac
lists A "$B" 60
cc A send "$WORK/$NAME" B
SENT=$((($(bytes_to_b) - START) / 1000000))
[ "$(sha256sum <"$GOT")" = "$SUM" ] || die "the resumed file differs"
[ "$SENT" -lt $(((SIZE_MB - BEFORE) * 115 / 100 + 10)) ] || die "$SENT MB crossed after the restart although B had $BEFORE of $SIZE_MB MB"
ok "same SHA-256; after the restart $SENT MB crossed, for the $((SIZE_MB - BEFORE)) MB that B did not have"

for n in A R B; do cc $n down; done

say "one LAN of three, IPv4 only"
ns L A1 R1 B1
in_ns L ip link add br0 type bridge
in_ns L ip link set br0 up
i=1
for n in A1 R1 B1; do
	ip link add "lan$i" netns "$P-L" type veth peer name eth0 netns "$P-$n"
	ip -n "$P-L" link set "lan$i" master br0 up
	in_ns $n sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	ip -n "$P-$n" addr add "10.82.0.$i/24" dev eth0
	ip -n "$P-$n" link set eth0 up
	i=$((i + 1))
done
up A1
up R1
up B1 --accept all
lists A1 "$(sid_of B1)" 60
head -c 20000000 "$WORK/$NAME" >"$WORK/lan.bin"
cc A1 send "$WORK/lan.bin" B1
cmp "$WORK/lan.bin" "$WORK/home-B1/files/lan.bin" || die "the file differs"
ok "sent on one LAN"
for n in A1 R1 B1; do cc $n down; done

say "A - R - B with IPv6 link-local addresses only"
ns A6 R6 B6
wire A6 ab - R6 ra -
wire R6 rb - B6 br -
up A6
up R6
up B6 --accept all
lists A6 "$(sid_of B6)" 60
cc A6 send "$WORK/lan.bin" B6
cmp "$WORK/lan.bin" "$WORK/home-B6/files/lan.bin" || die "the file differs"
ok "sent over IPv6 link-local"
for n in A6 R6 B6; do cc $n down; done

say "main job: all ok"
