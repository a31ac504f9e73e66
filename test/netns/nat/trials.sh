#!/usr/bin/env bash
# Every pair of NATs between real Linux routers, TRIALS times (20): how many become direct, and after how long. Printed, not judged. make nat-trials.
source "$(dirname "$0")/../lib.sh"
source test/netns/nat/world.sh

TRIALS=${TRIALS:-20}
PAIRS=${PAIRS:-plain:plain plain:plain-drop plain:random plain:fully-random plain:ports plain:jhash eim:random adf:fully-random plain-drop:fully-random random:random}
world
up R
for pair in $PAIRS; do
	direct=0 times=""
	for _ in $(seq "$TRIALS"); do
		nat NA "${pair%%:*}"
		nat NB "${pair##*:}"
		up A --peer 192.0.2.2
		up B --peer 192.0.2.2
		B=$(sid_of B)
		lists A "$B" 20 >/dev/null
		sleep 1
		start=$(date +%s%N)
		if cc A punch "$B" --timeout 40s >/dev/null 2>&1; then
			direct=$((direct + 1))
			times="$times $((($(date +%s%N) - start) / 1000000))"
		fi
		ends A B
	done
	echo "$pair: direct $direct of $TRIALS, ms: $(echo $times | tr ' ' '\n' | sort -n | tr '\n' ' ')"
done
