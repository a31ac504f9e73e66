#!/usr/bin/env bash
# A new user's walk, as the README has it: a clean clone on each of two machines of one network, two commands on each, and a
# file is there less than 60 s after the build. Then over three hops, with what people type to see why.
source "$(dirname "$0")/../lib.sh"

export GOPROXY=off GOTOOLCHAIN=local GOCACHE=${GOCACHE:-$(go env GOCACHE)} GOMODCACHE=${GOMODCACHE:-$(go env GOMODCACHE)}
export GIT_PROGRESS_DELAY=999 GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
URL=$(git rev-parse --show-toplevel)

# at MACHINE LINE: what a person of that machine types there, in the folder they are in.
at() {
	mkdir -p "$WORK/person-$1"
	in_ns "$1" env -u XDG_RUNTIME_DIR -u XDG_CONFIG_HOME -u XDG_DATA_HOME HOME="$WORK/person-$1" NAME="$1" LINE="$2" \
		unshare -u sh -c 'echo "$NAME" >/proc/sys/kernel/hostname; cd "$HOME"; [ ! -d caracal ] || cd caracal; exec bash -ec "$LINE"'
}

# readme N: the Nth line that its first section has one type.
readme() {
	awk '/^## Two commands/ { s = 1 } /^\| guide/ { s = 0 } s && /^    / { sub(/ +#.*/, ""); sub(/^ +/, ""); print }' README.md | sed -n "${1}p" |
		sed "s|https://github.com/caracal-mesh/caracal|$URL caracal|"
}

say "two machines, a clean clone on each"
ns kitchen laptop
wire kitchen lan 10.90.1.1/24 laptop lan 10.90.1.2/24
for m in kitchen laptop; do
	(
		at $m "$(readme 1)"
		at $m "$(readme 2)"
	) >"$WORK/$m.txt" 2>&1 &
	eval "RUN_$m=$!"
done
wait "$RUN_kitchen" || { cat "$WORK/kitchen.txt"; die "the kitchen does not start"; }
wait "$RUN_laptop" || { cat "$WORK/laptop.txt"; die "the laptop does not start"; }
cat "$WORK/laptop.txt"
BUILT=$(stat -c %Y "$WORK"/person-*/caracal/bin/caracal | sort -n | tail -1)
grep -q "^  kitchen " "$WORK/laptop.txt" || at laptop 'bin/caracal peers' | has '^kitchen ' || die "the laptop does not find the kitchen"

say "$(readme 3)"
head -c 3000000 /dev/urandom >"$WORK/person-laptop/caracal/holiday.zip"
at laptop "$(readme 3)" >"$WORK/send.txt" 2>&1 &
SEND=$!
for _ in $(seq 600); do
	ID=$(at kitchen 'bin/caracal inbox' | awk '/waiting/ { print $1 }')
	[ -z "$ID" ] || break
	sleep 0.1
done
[ -n "$ID" ] || { cat "$WORK/send.txt"; die "no offer arrives"; }
at kitchen 'bin/caracal inbox'
at kitchen "bin/caracal inbox accept $ID"
wait $SEND || { cat "$WORK/send.txt"; die "it is not sent"; }
cat "$WORK/send.txt"
cmp "$WORK/person-laptop/caracal/holiday.zip" "$WORK/person-kitchen/Caracal/holiday.zip" || die "the file is not there"
TOOK=$(($(date +%s) - BUILT))
[ $TOOK -lt 60 ] || die "$TOOK s from the program to the file"
ok "$TOOK s from the program to the file"
at kitchen 'bin/caracal inbox'

say "three hops: laptop - kitchen - roof - cabin"
ns roof cabin
wire kitchen roof 10.90.2.1/24 roof lan 10.90.2.2/24
wire roof far 10.90.3.1/24 cabin lan 10.90.3.2/24
for m in roof cabin; do
	mkdir -p "$WORK/person-$m/caracal/bin"
	ln "$WORK/person-laptop/caracal/bin/caracal" "$WORK/person-$m/caracal/bin/"
	at $m 'bin/caracal up -q'
done
soon at cabin 'bin/caracal trust laptop' || die "the cabin does not know the laptop"
far() { at laptop 'bin/caracal routes' | has '^cabin .*3'; }
soon far || die "no route to the cabin"
for line in 'peers' 'routes' 'ping cabin -c 2' 'trace cabin' 'why cabin' 'status'; do
	echo "laptop\$ caracal $line"
	at laptop "bin/caracal $line"
done | tee "$WORK/three.txt"
grep -q '3 hops' "$WORK/three.txt" || die "no three hops"
at laptop 'bin/caracal send holiday.zip cabin'
cmp "$WORK/person-laptop/caracal/holiday.zip" "$WORK/person-cabin/Caracal/holiday.zip" || die "the file is not there"
ok "a file over three hops"
at laptop 'bin/caracal doctor'
at laptop "'$CARACAL' doctor --json" | has '"check":"version-skew","level":"hint"' || die "the doctor does not see that the node is of another version"
ok "a program of another version than its node is told"
for m in laptop kitchen roof cabin; do at $m 'bin/caracal down -q'; done
