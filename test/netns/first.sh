#!/usr/bin/env bash
# A new user's first minutes, as the README has them: two people with fresh homes on one LAN without a default route, IPv4
# only and then IPv6 only. Peers within 3 s; two commands per machine to a received file; the answers of a node that is alone.
source "$(dirname "$0")/lib.sh"

# as NAME ARGS…: caracal as the person of that namespace, with a home folder of their own.
as() {
	local n=$1
	shift
	in_ns "$n" env -u XDG_RUNTIME_DIR -u XDG_CONFIG_HOME -u XDG_DATA_HOME HOME="$WORK/person-$n" "$CARACAL" "$@"
}

# found NAME: the start of NAME found somebody within 3 s.
found() {
	python3 - "$WORK/up-$1.txt" <<'PY' || { cat "$WORK/up-$1.txt"; die "$1 found nobody within 3 s"; }
import re, sys
m = re.search(r"found [0-9]+ in ([0-9.]+) s", open(sys.argv[1]).read())
sys.exit(not m or float(m[1]) > 3)
PY
	ok "$1 $(grep -o 'found .* s' "$WORK/up-$1.txt")"
}

for ip in 4 6; do
	say "IPv$ip only: two commands on each machine"
	k=kitchen$ip l=laptop$ip
	ns $k $l
	if [ $ip = 4 ]; then wire $k lan 10.87.1.1/24 $l lan 10.87.1.2/24; else wire $k lan - $l lan -; fi
	mkdir -p "$WORK/person-$k" "$WORK/person-$l"
	as $k up --name $k >"$WORK/up-$k.txt" &
	FIRST=$!
	as $l up --name $l >"$WORK/up-$l.txt"
	wait $FIRST
	cat "$WORK/up-$l.txt"
	found $l
	found $k
	as $k trust $l
	echo "hello from $l" >"$WORK/holiday.zip"
	as $l send "$WORK/holiday.zip" $k
	cmp "$WORK/holiday.zip" "$WORK/person-$k/Caracal/holiday.zip" || die "the file is not there"
	as $l peers
	as $l doctor >"$WORK/doctor-$l.txt" || { cat "$WORK/doctor-$l.txt"; die "doctor finds fault with a good LAN"; }
	ok "sent, there, and the doctor has nothing to say"
done

say "a node that is alone says so, and what to do"
as laptop4 down
as kitchen4 down
ns lonely
mkdir "$WORK/person-lonely"
as lonely up | tee "$WORK/up-lonely.txt"
grep -q "There is no network to listen on" "$WORK/up-lonely.txt" || die "it does not say that there is no network"
code=0
as lonely doctor >"$WORK/doctor.txt" || code=$?
[ $code = 10 ] || die "doctor without a network exits with $code"
grep "there is no network" "$WORK/doctor.txt"
as lonely down
as kitchen6 down
as laptop6 down
