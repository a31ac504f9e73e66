#!/usr/bin/env bash
# Measures what a relay costs beside a bare echo with recvmmsg and sendmmsg: the CPU time of its process for each datagram that
# it takes and sends on, of 100 bytes, and of 1,400 on the wire (of ours, which have 83 bytes of heads and tags, 1,317), ROUNDS
# interleaved rounds. Needs root.
set -euo pipefail
cd "$(dirname "$0")"
ROUNDS=${ROUNDS:-3}
MODES=${MODES:-direct wire}
REPORT=${REPORT:-relay}
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
build
row
for mode in $MODES; do
	if [ "$mode" = wire ]; then offload off; else offload on; fi
	for _ in $(seq "$ROUNDS"); do
		for size in 100 1400; do
			one echo 1 "$mode-$size" -tests datagrams -size $size -seconds 2
			one caracal 2 "$mode-$size" -tests datagrams -size $((size < 1000 ? size : size - 83)) -seconds 2
		done
	done
done
python3 report.py "$REPORT" "$RAW"
