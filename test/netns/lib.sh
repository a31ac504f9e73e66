# Shared by the namespace tests: namespaces with a common prefix, wired by veth,
# one caracal in each, everything removed at the end. Source it, do not run it.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [ "$(id -u)" != 0 ]; then
	echo "SKIP $(basename "$0"): needs root to make network namespaces"
	exit 0
fi
if ! ip netns add "cctest-probe$$" 2>/dev/null; then
	echo "SKIP $(basename "$0"): this kernel or container forbids network namespaces"
	exit 0
fi
ip netns del "cctest-probe$$"

P=cc$$            # prefix of all namespaces of this run
WORK=$(mktemp -d) # homes, files, logs
CARACAL=${CARACAL:-$WORK/caracal}
[ -x "$CARACAL" ] || CGO_ENABLED=0 go build -o "$CARACAL" ./cmd/caracal

# Is a line like that in what comes in? It reads to the end: grep -q leaves at once, and who still writes dies of it.
has() {
	local all
	all=$(cat)
	grep -q "$@" <<<"$all"
}

# undo takes back what a script has done besides; one that does something puts its own here. A trap of its own would hide how it ended.
undo() { :; }

cleanup() {
	status=$?
	undo
	{ jobs -p | xargs -r kill -9 && wait; } 2>/dev/null || true # also what is in no namespace, such as a loop of commands
	for ns in $(ip netns list | awk '{print $1}' | grep "^$P-" || true); do
		ip netns pids "$ns" | xargs -r kill -9 2>/dev/null || true
		ip netns del "$ns" || true
	done
	if [ $status != 0 ]; then
		echo "FAILED $(basename "$0"); logs:"
		tail -n 30 "$WORK"/*.log 2>/dev/null || true
	fi
	rm -rf "$WORK"
	exit $status
}
trap cleanup EXIT

declare -A SEAT   # the namespace of a node, where it is not called like the node

say() { printf '\n== %s\n' "$*"; }
die() {
	echo "not ok: $*"
	exit 1
}
ok() { echo "ok: $*"; }

# ns NAME…: make namespaces with loopback up.
ns() {
	for n in "$@"; do
		ip netns add "$P-$n"
		ip -n "$P-$n" link set lo up
	done
}

# in_ns NAME COMMAND…: run a command in a namespace.
in_ns() {
	local n=$1
	shift
	ip netns exec "$P-$n" "$@"
}

# daemon NAME COMMAND…: the same, to be put into the background: $! is the command itself.
daemon() {
	local n=$1
	shift
	exec ip netns exec "$P-$n" "$@"
}

# wire A IFA ADDRA B IFB ADDRB: a veth between two namespaces; an address of - means
# IPv6 link-local only.
wire() {
	ip link add "$2" netns "$P-$1" type veth peer name "$5" netns "$P-$4"
	for end in "$1 $2 $3" "$4 $5 $6"; do
		set -- $end
		if [ "$3" = - ]; then
			:
		else
			ip -n "$P-$1" addr add "$3" dev "$2"
			in_ns "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1" || true
		fi
		in_ns "$1" sysctl -qw "net.ipv6.conf.$2.accept_dad=0" || true
		ip -n "$P-$1" link set dev "$2" up
	done
}

# up NAME ARGS…: start caracal in the foreground of a background job; PID_NAME is its pid.
up() {
	local n=$1
	shift
	daemon "$n" "$CARACAL" up --fg --home "$WORK/home-$n" --name "$n" "$@" >>"$WORK/up-$n.log" 2>&1 &
	eval "PID_$n=$!"
}

# cc NAME ARGS…: a caracal command against that namespace's node.
cc() {
	local n=$1 verb=$2
	shift 2
	in_ns "${SEAT[$n]:-$n}" "$CARACAL" "$verb" --home "$WORK/home-$n" "$@"
}

# sid_of NAME: the node's SID, waiting until it runs.
sid_of() {
	for _ in $(seq 600); do
		if cc "$1" status --json 2>/dev/null | tr -d ' \n' | grep -o '"self":{"sid":"[0-9a-f]\{64\}' | grep -o '[0-9a-f]\{64\}'; then
			return
		fi
		sleep 0.1
	done
	die "$1 does not answer status"
}

# soon COMMAND…: waits until it succeeds; no machine is so slow that it takes two minutes.
soon() {
	local deadline=$((SECONDS + 120))
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

# on_disk NAME MB: that much has arrived in NAME's folder of files.
on_disk() { [ "$(du -sm "${3:-$WORK/home-$1/files}" 2>/dev/null | cut -f1)" -ge "$2" ]; }

# lists NAME SID SECONDS: NAME's peers show SID within the time, which is a bar where it is short: who only waits gives a minute.
lists() {
	local start end
	start=$(date +%s%N)
	end=$((start + $3 * 1000000000))
	while [ "$(date +%s%N)" -lt "$end" ]; do
		if cc "$1" peers --json 2>/dev/null | has "$2"; then
			echo "ok: $1 lists ${2:0:8} after $((($(date +%s%N) - start) / 1000000)) ms"
			return
		fi
		sleep 0.1
	done
	die "$1 does not list $2 within $3 s"
}

# at NODE VERB FILE ARGS…: a caracal command that stays; its output goes to FILE.log.
at() {
	local n=$1 verb=$2 file=$3
	shift 3
	daemon "$n" "$CARACAL" "$verb" --home "$WORK/home-$n" "$@" >"$WORK/$file.log" 2>&1 &
}

# until_said FILE TEXT: waits until such a command has said it.
until_said() {
	for _ in $(seq 1000); do
		grep -q "$2" "$WORK/$1.log" 2>/dev/null && return
		sleep 0.05
	done
	die "$1 does not say $2"
}
