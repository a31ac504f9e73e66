#!/usr/bin/env bash
# Every pair of NATs between real Linux routers, TRIALS times (20): how many become direct, and after how long. It fails where fewer do than the
# table says (routing-nat-security.md §2.4): D directly, 95 %; B by a search of ports, 90 %; R none. make nat-trials.
source "$(dirname "$0")/../lib.sh"
source test/netns/nat/world.sh

TRIALS=${TRIALS:-20}
PAIRS=${PAIRS:-plain:plain=D plain:plain-drop=D plain:ports=D eim:random=D adf:fully-random=D plain:random=B plain:fully-random=B plain-drop:fully-random=B plain:jhash=B jhash:plain=B random:random=R}
world
bad=0
for pair in $PAIRS; do
	want=${pair##*=} pair=${pair%%=*}
	direct=0 times=""
	for _ in $(seq "$TRIALS"); do
		nat NA "${pair%%:*}"
		nat NB "${pair##*:}"
		rm -rf "$WORK"/home-* # nobody knows anybody: who restarts every second, and newcomers from one address, are taken more slowly
		up R
		up A --peer 192.0.2.2
		up B --peer 192.0.2.2
		B=$(sid_of B)
		reached A "$B" && known A && known B || die "$pair: B is $(state A "$B"); $(cc A status) $(cc B status)"
		start=$(date +%s%N)
		if cc A punch "$B" --timeout 40s >"$WORK/said" 2>&1; then
			direct=$((direct + 1))
			times="$times $((($(date +%s%N) - start) / 1000000))"
		elif [ "$want" != R ]; then
			tail -n 1 "$WORK/said"
		fi
		ends A B R
	done
	times=$(echo $times | tr ' ' '\n' | sort -n)
	verdict=ok
	case $want in
	D) [ $((direct * 100)) -ge $((TRIALS * 95)) ] || verdict="not ok" ;;
	B) [ $((direct * 100)) -ge $((TRIALS * 90)) ] || verdict="not ok" ;;
	R) [ "$direct" = 0 ] || verdict="not ok" ;;
	esac
	[ "$verdict" = ok ] || bad=1
	echo "$verdict: $pair $want direct $direct of $TRIALS; ms: "$(echo $times | awk '{ print NF ? "median " $int((NF + 1) / 2) ", most " $NF : "-" }')
done
exit $bad
