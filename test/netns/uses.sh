#!/usr/bin/env bash
# features S67 as commands: A - R - Q - B, where the middle loses one packet in twenty, each way. A file of 20 MB by
# send; a voice of 50 frames a second through expose and forward --udp; a shell on a pipe.
source "$(dirname "$0")/lib.sh"

ns A R Q B
wire A ab 10.82.1.1/24 R ra 10.82.1.2/24
wire R rq 10.82.2.1/24 Q qr 10.82.2.2/24
wire Q qb 10.82.3.1/24 B bq 10.82.3.2/24
for n in A R Q; do up $n; done
up B --accept all
B=$(sid_of B)
A=$(sid_of A)
lists A "$B" 60
lists B "$A" 60
for n in "R rq" "Q qr"; do
	set -- $n
	in_ns "$1" nft add table inet loss
	in_ns "$1" nft add chain inet loss in '{ type filter hook prerouting priority 0; }'
	in_ns "$1" nft add rule inet loss in iifname "$2" udp dport 4117 numgen random mod 100 '<' 5 counter drop
done

say "a file of 20 MB"
head -c 20000000 /dev/urandom >"$WORK/file"
cc A send "$WORK/file" B >"$WORK/send.log" 2>&1 || die "send fails"
cmp "$WORK/file" "$WORK/home-B/files/file" || die "the file differs"
ok "over three hops, byte for byte"

say "a voice of 50 frames a second"
daemon B python3 -c '
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("127.0.0.1", 5400))
while True:
    d, a = u.recvfrom(2000)
    u.sendto(d, a)' &
at B expose voice-b voice 5400 --udp
until_said voice-b exposing
at A forward voice-a --udp 9400 B:voice
until_said voice-a Ctrl-C
in_ns A python3 -c '
import socket, struct, threading, time
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.connect(("127.0.0.1", 9400))
u.settimeout(1)
frames, took = 250, {}
def hear():
    while True:
        try: d = u.recv(2000)
        except TimeoutError: return
        n, at = struct.unpack("!Id", d[:12])
        took[n] = time.monotonic() - at
u.settimeout(0.3)
for _ in range(200): # opens the flow
    u.send(struct.pack("!Id", 0, time.monotonic()))
    try: u.recv(2000); break
    except TimeoutError: pass
u.settimeout(3)
ear = threading.Thread(target=hear); ear.start()
start = time.monotonic()
for n in range(1, frames + 1):
    time.sleep(max(0, start + n * 0.02 - time.monotonic()))
    u.send(struct.pack("!Id", n, time.monotonic()) + bytes(148))
ear.join()
late = sum(1 for n in range(1, frames + 1) if took.get(n, 9) > 0.3) # there and back, 150 ms each
lost = frames - len([n for n in took if n])
print(f"ok: {lost} of {frames} frames lost, {late} later than 300 ms or lost")
assert lost < frames * 0.05 # not late ones: that is the machine when others use it' || die "the voice is lost"

say "a shell on a pipe"
mkfifo "$WORK/answers"
daemon B bash -c '"$0" pipe --home "$1/home-B" --listen shell <"$1/answers" 2>"$1/shell-b.log" | sh >"$1/answers"' "$CARACAL" "$WORK" &
for _ in $(seq 1000); do
	cc A services B 2>/dev/null | has '^shell' && break
	sleep 0.05
done
in_ns A python3 -c '
import subprocess, sys, time
p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
took = []
for n in range(50):
    start = time.monotonic()
    p.stdin.write(b"echo $((%d + %d))\n" % (n, n))
    line = p.stdout.readline()
    took.append(time.monotonic() - start)
    assert line == b"%d\n" % (2 * n), line
p.stdin.write(b"exit\n")
p.stdin.close()
assert p.wait(120) == 0
took.sort()
print(f"ok: an answer after {took[25] * 1000:.0f} ms, nineteen of twenty within {took[47] * 1000:.0f} ms")' "$CARACAL" pipe --home "$WORK/home-A" B:shell || die "the shell"

say "a peer that goes in the middle"
sleep 600 | daemon B "$CARACAL" pipe --home "$WORK/home-B" --listen idle >/dev/null 2>&1 &
for _ in $(seq 1000); do
	cc A services B 2>/dev/null | has '^idle' && break
	sleep 0.05
done
sleep 600 | daemon A "$CARACAL" pipe --home "$WORK/home-A" B:idle >/dev/null 2>&1 &
for _ in $(seq 1000); do
	cc A streams | has 'idle.*up$' && cc B streams | has idle && break # taken by B, not only begun
	sleep 0.05
done
kill -9 "$PID_B"
for _ in $(seq 1000); do
	cc A streams | has 'idle.*no way$' && break
	sleep 0.05
done
cc A streams | grep 'idle.*no way$' || die "streams does not tell that there is no way: $(cc A streams)"

in_ns R nft list table inet loss | has 'counter packets [1-9]' || die "nothing was lost on the way"
for n in A R Q; do cc $n down; done
say "uses: all ok"
