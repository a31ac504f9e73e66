#!/usr/bin/env bash
# Measures Caracal beside other transports over paths with a rate, a delay and losses, made by a router in user space:
# ROUNDS interleaved rounds of each of PATHS (Mbit/s:round trip in ms:loss in %:queue in KB) for SECONDS_PATH
# seconds, and a ping beside a bulk transfer. Needs root. Prints tables; raw lines go to the file RAW.
set -euo pipefail
cd "$(dirname "$0")"
ROUNDS=${ROUNDS:-3}
SECONDS_PATH=${SECONDS_PATH:-10}
PATHS=${PATHS:-100:40:0:500 100:40:0.1:500 100:40:1:500 100:40:5:500 20:200:1:500}
BESIDE=${BESIDE:-20:20:0:100}
PROTOS=${PROTOS:-cubic bbr quic caracal}
REPORT=${REPORT:-paths}
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

# shellcheck disable=SC2086
build $PROTOS
row
case " $PROTOS " in *" bbr "*)
	at A sysctl -n net.ipv4.tcp_available_congestion_control | grep -qw bbr || {
		echo "this kernel has no BBR: TLS over CUBIC only" >&2
		PROTOS=${PROTOS/bbr/}
	} ;;
esac
router=""

# impair PATH: R sends all that it routes through the user-space router, anew with these properties.
impair() {
	local rate rtt loss queue
	IFS=: read -r rate rtt loss queue <<<"$1"
	[ -z "$router" ] || stop "$router"
	rm -f "$DIR/router"
	daemon R "$BENCH" -role impair -rate "$rate" -rtt "$rtt" -loss "$loss" -queue "$queue" >"$DIR/router" & router=$!
	ready "$DIR/router"
	at R ip link set imp0 up txqueuelen 10000
	at R ip route replace default dev imp0 table 91
	for dev in ra rb; do
		at R ip rule show | grep -q "iif $dev" || at R ip rule add iif $dev table 91
		at R sysctl -qw net.ipv4.conf.$dev.rp_filter=0
	done
	at R sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.imp0.rp_filter=0
}

for _ in $(seq "$ROUNDS"); do
	for path in $PATHS; do
		for proto in $PROTOS; do
			impair "$path"
			one "$proto" routed "$path" -tests first,timed -seconds "$SECONDS_PATH"
		done
	done
	for path in $BESIDE; do
		for proto in $PROTOS; do
			impair "$path"
			one "$proto" routed "$path" -tests beside -seconds "$SECONDS_PATH"
		done
	done
done
python3 report.py "$REPORT" "$RAW"
