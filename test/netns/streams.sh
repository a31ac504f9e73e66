#!/usr/bin/env bash
# A - R - B in three namespaces: what B exposes over TCP and UDP is used at A over the relay,
# through forwards and SOCKS; 50 MB go through a pipe, also when the way is cut in the middle.
source "$(dirname "$0")/lib.sh"

SIZE_MB=${SIZE_MB:-50}

ns A R B
wire A ab 10.81.1.1/24 R ra 10.81.1.2/24
wire R rb 10.81.2.1/24 B br 10.81.2.2/24
up A
up R
up B
B=$(sid_of B)
A=$(sid_of A)
lists A "$B" 60
lists B "$A" 60

say "TCP and UDP services of B at A, over R"
mkdir "$WORK/web"
head -c 3000000 /dev/urandom >"$WORK/web/page"
daemon B python3 -m http.server -d "$WORK/web" --bind 127.0.0.1 8080 >"$WORK/http.log" 2>&1 &
daemon B python3 -c '
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("127.0.0.1", 5300))
while True:
    d, a = u.recvfrom(65536)
    u.sendto(d.upper(), a)' &
at B expose expose-web web 8080 --to "$A"
at B expose expose-echo echo 5300 --udp
until_said expose-web exposing
until_said expose-echo exposing
cc A services B | has '^web' || die "services does not show web"
in_ns B curl -so /dev/null --retry 50 --retry-connrefused --retry-delay 1 http://127.0.0.1:8080/ || die "the web server does not start"
at A forward forward-web 9000 B:web
at A forward forward-echo --udp 9001 B:echo
at A socks socks
until_said forward-web Ctrl-C
until_said forward-echo Ctrl-C
until_said socks Ctrl-C
for n in 1 2 3; do
	in_ns A curl -sf --max-time 30 http://127.0.0.1:9000/page | cmp - "$WORK/web/page" || die "the page differs"
done
ok "forward"
in_ns A curl -sf --max-time 30 -x socks5h://127.0.0.1:1080 http://b.caracal/page | cmp - "$WORK/web/page" || die "the page differs over SOCKS"
ok "socks"
in_ns A python3 -c '
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.settimeout(30)
for size in (1, 100, 1000, 2000) * 5:
    u.sendto(b"q" * size, ("127.0.0.1", 9001))
    assert u.recvfrom(65536)[0] == b"Q" * size' || die "UDP"
ok "forward --udp"
cc R pipe B:web </dev/null >/dev/null 2>"$WORK/denied.log" && die "R may use what is only for A"
grep -q "does not offer" "$WORK/denied.log" || die "R is not told why"
ok "--to"

say "$SIZE_MB MB through a pipe, with a cut in the middle"
head -c $((SIZE_MB * 1000000)) /dev/urandom >"$WORK/data"
daemon B "$CARACAL" pipe --home "$WORK/home-B" --listen backup </dev/null >"$WORK/got" 2>"$WORK/listen.log" &
LISTEN=$!
for _ in $(seq 1000); do
	cc A services B 2>/dev/null | has '^backup' && break
	sleep 0.05
done
first() { [ "$(stat -c %s "$WORK/got")" -ge 5000000 ]; }
begun() { first || ! kill -0 $PIPE 2>/dev/null; }
until # on a machine with much else to do a neighbour may be thought lost for a moment, and there is no way then
	(head -c 5000000 "$WORK/data"; soon test -e "$WORK/cut"; tail -c +5000001 "$WORK/data") |
		daemon A "$CARACAL" pipe --home "$WORK/home-A" B:backup >/dev/null 2>"$WORK/pipe.log" &
	PIPE=$!
	soon begun && first
do
	grep -q "no way to B now" "$WORK/pipe.log" || die "nothing arrives: $(cat "$WORK/pipe.log")"
	sleep 0.2
done
ip -n "$P-R" link set rb down
touch "$WORK/cut"
sleep 6
kill -0 $PIPE 2>/dev/null || die "the cut ended the pipe"
ip -n "$P-R" link set rb up
wait $PIPE || { cat "$WORK/pipe.log"; die "the pipe failed"; }
wait $LISTEN || { cat "$WORK/listen.log"; die "the listener failed"; }
[ "$(sha256sum <"$WORK/got")" = "$(sha256sum <"$WORK/data")" ] || die "the bytes differ"
ok "same SHA-256 after the cut"

for n in A R B; do cc $n down; done
say "streams: all ok"
