#!/usr/bin/env bash
# A - R over two cables, R - B over one that loses packets: why names the next hop and what else there is, a cut is
# explained, and trace --mtr finds the link that loses.
source "$(dirname "$0")/lib.sh"

# field DOC KEY: a value of a JSON document on stdin.
field() { python3 -c 'import json,sys; d=json.load(sys.stdin)
for k in sys.argv[1].split("."): d = d[int(k)] if k.lstrip("-").isdigit() else d[k]
print(d)' "$1"; }

ns A R B
wire A one 10.86.1.1/24 R one 10.86.1.2/24
wire A two 10.86.2.1/24 R two 10.86.2.2/24
wire R far 10.86.3.1/24 B far 10.86.3.2/24
in_ns R nft add table inet f
in_ns R nft add chain inet f in '{ type filter hook input priority 0; }'
up A
up R
up B
B=$(sid_of B)
R=$(sid_of R)
lists A "$B" 60

say "why"
cc A why B
[ "$(cc A why B --json | field via)" = "$R" ] || die "why --json has another next hop"
for _ in $(seq 500); do
	[ "$(cc A why R --json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["candidates"]))')" -ge 2 ] && break
	sleep 0.2
done
cc A why R | tee "$WORK/why.txt"
grep -q "in use" "$WORK/why.txt" || die "no way in use"
grep -q "spare" "$WORK/why.txt" || die "the second cable is not among the candidates"

say "the cable in use is cut"
LINK=$(cc A why R --json | field link)
ip -n "$P-A" link set "$LINK" down
for _ in $(seq 500); do
	[ "$(cc A why R --json | field link)" != "$LINK" ] && break
	sleep 0.1
done
cc A why R | tee "$WORK/why.txt"
grep -Eq "last change: .*(gone|any more)" "$WORK/why.txt" || die "the switch is not explained"
ok "the switch is explained"
ip -n "$P-A" link set "$LINK" up

say "a quarter of what B sends to R is lost"
in_ns R nft add rule inet f in iifname far udp dport 4117 numgen random mod 100 lt 25 drop
pointed() {
	cc B ping R -c 40 -i 50ms >/dev/null || true
	cc A trace B --mtr -c 8 -i 300ms >"$WORK/mtr.txt" || return 1
	grep "← most loss is here" "$WORK/mtr.txt" | has "^ 2 .*far"
}
pointed || pointed || pointed || { cat "$WORK/mtr.txt"; die "no link is pointed at, or the wrong one"; } # it is luck how much is lost
cat "$WORK/mtr.txt"
cc A trace B --mtr -c 2 -i 100ms --json | tail -1 | python3 -c '
import json, sys
m = json.load(sys.stdin)
assert m["schema"] == "caracal.mtr/1" and m["event"] == "summary" and m["worst"] == 2, m
h = m["hops"][1]
assert h["loss_back"] > 0.05 and h["sent"] == 2, h
print("ok: loss back %.0f %%, forward %.0f %%" % (100 * h["loss_back"], 100 * h["loss_forward"]))'

say "who is not there"
kill "$PID_B"
wait "$PID_B" || true
for _ in $(seq 600); do
	code=0
	cc A why B >"$WORK/why.txt" || code=$?
	[ $code = 5 ] && break
	sleep 0.1
done
cat "$WORK/why.txt"
[ $code = 5 ] || die "why of somebody gone exits with $code, not 5"
ok "exit 5"
