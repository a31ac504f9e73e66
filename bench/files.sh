#!/usr/bin/env bash
# Measures how quickly files travel, beside one bare stream in the same run: ROUNDS interleaved rounds of a
# stream that is sunk, one file of FILE_MB, and a folder of FILES files of 1 byte to 64 KiB, between two
# namespaces joined by veth. Prints medians, ratios and the peak memory of both nodes. With BAR, such as 0.8, it
# fails below that ratio, and above MAX_MB of memory. With RATE, such as 1gbit, the wire carries no more than that: else what is
# measured is the processors, which both ends share here. Needs root, and room for the files thrice.
set -euo pipefail
cd "$(dirname "$0")"
ROUNDS=${ROUNDS:-3}
FILE_MB=${FILE_MB:-4096}
FILES=${FILES:-20000}
STREAM_MB=${STREAM_MB:-2000}
BAR=${BAR:-0}
MAX_MB=${MAX_MB:-64}
NICE=${NICE:-}
RATE=${RATE:-}
P=cf$$
# Where files are kept: in memory, if nothing else is said, since a disk slower than the network would be what is measured.
DIR=$(mktemp -d -p "${DISK:-/dev/shm}")
[ "$(id -u)" = 0 ] || { echo "SKIP files: needs root to make network namespaces" >&2; exit 0; }
CARACAL=${CARACAL:-$DIR/caracal}
[ -x "$CARACAL" ] || (cd .. && CGO_ENABLED=0 go build -o "$CARACAL" ./cmd/caracal)
CGO_ENABLED=0 go build -o "$DIR/bench" .

cleanup() {
	status=$?
	for n in A B; do
		ip netns pids "$P-$n" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
		ip netns del "$P-$n" 2>/dev/null || true
	done
	[ $status = 0 ] || tail -n 20 "$DIR"/*.log 2>/dev/null || true
	rm -rf "$DIR"
	exit $status
}
trap cleanup EXIT

at() { local n=$1; shift; $NICE ip netns exec "$P-$n" "$@"; }
daemon() { local n=$1; shift; exec $NICE ip netns exec "$P-$n" "$@"; }
for n in A B; do ip netns add "$P-$n"; ip -n "$P-$n" link set lo up; done
ip link add ab netns "$P-A" type veth peer name ba netns "$P-B"
ip -n "$P-A" addr add 10.92.1.1/24 dev ab
ip -n "$P-B" addr add 10.92.1.2/24 dev ba
ip -n "$P-A" link set ab up
ip -n "$P-B" link set ba up
if [ -n "$RATE" ]; then
	ip netns exec "$P-A" tc qdisc add dev ab root tbf rate "$RATE" burst 256k latency 20ms
	ip netns exec "$P-B" tc qdisc add dev ba root tbf rate "$RATE" burst 256k latency 20ms
fi

python3 - "$DIR" "$FILE_MB" "$FILES" <<'PY'
import os, random, sys
dir, mb, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rnd = random.Random(1)
block = os.urandom(1 << 20)
with open(dir + "/one.bin", "wb") as f:
    for i in range(mb):
        f.write(i.to_bytes(8, "big") + block[8:])
total = 0
for i in range(files):
    if i % 500 == 0:
        os.makedirs(f"{dir}/tree/{i // 500}")
    size = rnd.randint(1, 65536)
    total += size
    at = rnd.randrange(len(block) - size)
    with open(f"{dir}/tree/{i // 500}/{i}.dat", "wb") as f:
        f.write(block[at:at + size])
print(f"{files} files hold {total / 1e6:.0f} MB", file=sys.stderr)
PY
sync

stream() {
	daemon B "$DIR/bench" -role server -seed 2 -listen 0.0.0.0:4127 >"$DIR/server" & local server=$!
	sleep 1
	at A "$DIR/bench" -role client -tests bulk -mb "$STREAM_MB" -seed 1 -listen 0.0.0.0:4127 -peer 10.92.1.2:4127 -to "$("$DIR/bench" -role sid -seed 2)" >"$DIR/client"
	kill -TERM $server; wait $server 2>/dev/null || true
	sed 's/^{/{"what":"stream",/' "$DIR/client" >>"$DIR/raw"
}

cpu() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }
peak() { awk '/VmHWM/ { print $2 / 1000 }' "/proc/$1/status"; }

files() { # what path
	rm -rf "$DIR/home-A" "$DIR/home-B"
	daemon A "$CARACAL" up --fg --home "$DIR/home-A" --name A >"$DIR/up-A.log" 2>&1 & local a=$!
	daemon B "$CARACAL" up --fg --home "$DIR/home-B" --name B --accept all >"$DIR/up-B.log" 2>&1 & local b=$!
	for _ in $(seq 100); do [[ $'\n'$(at A "$CARACAL" peers --home "$DIR/home-A" 2>/dev/null) == *$'\nB '* ]] && break; sleep 0.1; done
	at A "$CARACAL" send --home "$DIR/home-A" "$2" B --json >"$DIR/send.json"
	python3 - "$1" "$DIR/send.json" "$(peak $a)" "$(peak $b)" "$(cpu $a)" "$(cpu $b)" >>"$DIR/raw" <<'PY'
import json, sys
last = json.loads(open(sys.argv[2]).read().splitlines()[-1])
assert last["event"] == "done", last
print(json.dumps({"what": sys.argv[1], "mbit_s": last["bytes"] * 8 / last["elapsed_s"] / 1e6,
                  "sender_mb": float(sys.argv[3]), "receiver_mb": float(sys.argv[4]),
                  "cpu_gb": (float(sys.argv[5]) + float(sys.argv[6])) / last["bytes"] * 1e9}))
PY
	kill -TERM $a $b; wait $a $b 2>/dev/null || true
	rm -rf "$DIR/home-B"
}

for _ in $(seq "$ROUNDS"); do
	stream
	[ "$FILE_MB" = 0 ] || files file "$DIR/one.bin"
	[ "$FILES" = 0 ] || files tree "$DIR/tree"
done

python3 - "$DIR/raw" "$BAR" "$MAX_MB" <<'PY'
import collections, json, statistics, sys
runs = collections.defaultdict(list)
for line in open(sys.argv[1]):
    r = json.loads(line)
    runs[r["what"]].append(r)
bar, most, bad = float(sys.argv[2]), float(sys.argv[3]), False
med = lambda what, key: statistics.median(r[key] for r in runs[what])
base = med("stream", "mbit_s")
print("| what | Mbit/s | × stream | CPU s/GB | peak memory, sender and receiver, MB |")
print("|---|---|---|---|---|")
print("| one bare stream | %.0f | 1.00 | %.2f | – |" % (base, med("stream", "cpu_gb")))
for what, name in ("file", "one file"), ("tree", "folder of small files"):
    if what not in runs:
        continue
    ratio, a, b = med(what, "mbit_s") / base, med(what, "sender_mb"), med(what, "receiver_mb")
    print("| %s | %.0f | %.2f | %.2f | %.0f, %.0f |" % (name, med(what, "mbit_s"), ratio, med(what, "cpu_gb"), a, b))
    bad = bad or ratio < bar or (bar and max(a, b) > most)
sys.exit("not met" if bad else 0)
PY
