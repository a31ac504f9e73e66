#!/usr/bin/env bash
# Measures Caracal beside other transports (PROTOS), over one hop and over two, in the same run: ROUNDS interleaved
# rounds in namespaces joined by veth, with segmentation offload crossing veth (direct) and without
# (wire), or with frames of 9,000 bytes instead (jumbo). Needs root. Writes tables to standard output and the raw lines to the file RAW.
#
# Two hops: Caracal and Yggdrasil are relayed by a node in the middle namespace, the others are routed by its kernel, whose
# work is not in the figures for CPU; nor is that of Yggdrasil's relay. chacha is Caracal where the processor has no AES.
set -euo pipefail
cd "$(dirname "$0")"
ROUNDS=${ROUNDS:-3}
MB=${MB:-500}
MODES=${MODES:-direct wire}
HOPS=${HOPS:-1 2}
PROTOS=${PROTOS:-tcp tls quic libp2p kcp wireguard yggdrasil chacha caracal}
TESTS=${TESTS:-first,ping,requests,bulk}
REPORT=${REPORT:-tables}
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

# shellcheck disable=SC2086
build $PROTOS
row
for mode in $MODES; do
	case $mode in
	direct) offload on; mtu=1500 ;;
	wire) offload off; mtu=1500 ;;
	jumbo) offload off; mtu=9000 ;;
	esac
	for end in "A ar" "R ra" "R rb" "B br"; do
		# shellcheck disable=SC2086
		set -- $end
		ip -n "$P-$1" link set dev "$2" mtu "$mtu"
	done
	for _ in $(seq "$ROUNDS"); do
		for hops in $HOPS; do
			for proto in $PROTOS; do one "$proto" "$hops" "$mode" -tests "$TESTS" -mb "$MB"; done
		done
	done
done
python3 report.py "$REPORT" "$RAW"
