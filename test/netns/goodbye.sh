#!/usr/bin/env bash
# A - R - B over cables and, for a second round, R - B by --peer alone: B is stopped, and R and A know it from its goodbye; it is back and
# met at once; it is killed, and missed as anybody silent is. R is stopped, and A has lost both.
source "$(dirname "$0")/lib.sh"

ns A R B
wire A near 10.87.1.1/24 R near 10.87.1.2/24
wire R far 10.87.2.1/24 B far 10.87.2.2/24

lacks() { ! cc "$1" peers --json 2>/dev/null | has "\"$2\""; } # in sight
why_is() { (cc "$1" why "$2" 2>/dev/null || true) | has "$3"; } # it fails where there is no way
round() {
	say "$1: B is stopped"
	at R watch "watch-$1" peer
	until_said "watch-$1" "watching"
	cc B down
	soon lacks R B || die "R still sees B"
	soon lacks A B || die "A still sees B"
	soon why_is R B "direct → no way: it was stopped, and said so" || { cc R why B; die "R does not know why"; }
	soon why_is A B "no way to it" || { cc A why B; die "A has a way"; }
	cc A why B || true
	cc R why B || true
	cc R peers -a | tee "$WORK/all.txt"
	grep -q "^B .* left " "$WORK/all.txt" || die "peers -a does not say that B has left"
	until_said "watch-$1" "B  *was stopped, and said so"
	! grep -q "does not answer" "$WORK/watch-$1.log" || die "B was doubted before"
	cat "$WORK/watch-$1.log"
	say "$1: B is back"
	up B "${@:2}"
	lists A "$B" 60
	lists R "$B" 60
}

up A
up R
up B
B=$(sid_of B)
lists A "$B" 60
round cable
say "cable: B is killed"
kill -9 "$PID_B"
soon why_is R B "did not answer any more" || { cc R why B; die "R does not say that B was silent"; }
cc R why B || true

say "by --peer alone"
for n in R B; do # neither hears beacons or mDNS of the other
	in_ns "$n" nft add table inet f
	in_ns "$n" nft add chain inet f in '{ type filter hook input priority 0; }'
	in_ns "$n" nft add rule inet f in iifname far udp dport '{ 4118, 5353 }' drop
done
up B --peer 10.87.2.1
lists A "$B" 60
lists R "$B" 60
round peer --peer 10.87.2.1

say "R is stopped, which carried B"
cc R down
soon lacks A B || die "A still sees B"
cc A peers -a
soon why_is A B "the next hop before was stopped, and said so" || { cc A why B; die "A does not know why"; }
cc A why B || true
cc A status
ok "goodbyes are heard"
