#!/usr/bin/env bash
# Sender and receiver are killed with SIGKILL at random points of a folder's transfer, KILLS times in all, by turns.
# However often that happens, the same command completes it, what arrived is what was sent, and no partial file stays.
# The folder has FILES files of TREE_MB together; when it is complete before the kills are used up, it is sent anew. With
# TRANSFERS the kills go on until so many are complete: make kills does that with ten of 1 GB.
source "$(dirname "$0")/lib.sh"

KILLS=${KILLS:-50}
TREE_MB=${TREE_MB:-48}
FILES=${FILES:-300}
TRANSFERS=${TRANSFERS:-0}
GAP_MS=${GAP_MS:-500} # a kill comes at most so long after the one before
SEED=${SEED:-$RANDOM}
say "$KILLS kills while $FILES files of $TREE_MB MB are sent (SEED=$SEED)"
RANDOM=$SEED

ns A B
wire A ab 10.83.1.1/24 B ba 10.83.1.2/24
python3 - "$WORK/tree" "$TREE_MB" "$FILES" "$SEED" <<'PY'
import os, random, sys
top, mb, files, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
rnd = random.Random(seed)
sizes = [rnd.random() ** 3 for _ in range(files)]
scale = mb * 1e6 / sum(sizes)
for i, size in enumerate(sizes):
    os.makedirs(f"{top}/{i % 17}/d{i % 5}", exist_ok=True)
    with open(f"{top}/{i % 17}/d{i % 5}/{i}", "wb") as f:
        f.write(rnd.randbytes(int(size * scale)))
PY
tree_sum() { (cd "$1" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum); }
WANT=$(tree_sum "$WORK/tree")

start() {
	case $1 in
	A) up A --peer 10.83.1.2 ;;
	B) up B --peer 10.83.1.1 --accept all ;;
	esac
}
start A
start B
B=$(sid_of B)
lists A "$B" 60

# sender repeats the same command until the transfer is complete, and again from the start.
sender() {
	set +e
	trap - EXIT
	while :; do
		cc A send "$WORK/tree" "$B" -q >>"$WORK/send.log" 2>&1
		code=$?
		echo "$code" >>"$WORK/codes"
		case $code in
		0)
			[ "$(tree_sum "$WORK/home-B/files/tree")" = "$WANT" ] || { echo differs >>"$WORK/bad"; exit; }
			[ -z "$(ls "$WORK/home-B/files/.caracal-partial")" ] || { echo "partial files stay: $(ls "$WORK/home-B/files/.caracal-partial")" >>"$WORK/bad"; exit; }
			[ "$(ls "$WORK/home-B/files")" = tree ] || { echo "doubles: $(ls "$WORK/home-B/files")" >>"$WORK/bad"; exit; }
			echo complete >>"$WORK/complete"
			[ -e "$WORK/last" ] && exit
			rm -rf "$WORK/home-B/files/tree" ;;
		1 | 6 | 7) echo "exit $code" >>"$WORK/bad"; exit ;;
		esac
		sleep 0.05
	done
}
: >"$WORK/codes"
: >"$WORK/complete"
sender &
SENDER=$!

k=0
while [ $k -lt "$KILLS" ] || [ "$(wc -l <"$WORK/complete")" -lt "$TRANSFERS" ]; do
	k=$((k + 1))
	sleep "$(awk -v ms=$((RANDOM % GAP_MS + 100)) 'BEGIN { print ms / 1000 }')"
	[ ! -e "$WORK/bad" ] || break
	if [ $((RANDOM % 2)) = 0 ]; then victim=A; else victim=B; fi
	eval "pid=\$PID_$victim"
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || true
	start $victim
done
BEFORE=$(wc -l <"$WORK/complete")
for _ in $(seq 900); do # what was begun in the middle of a kill is to end well, and once more
	[ ! -e "$WORK/bad" ] && [ "$(wc -l <"$WORK/complete")" -le "$BEFORE" ] || break
	sleep 0.1
done
touch "$WORK/last"
if [ -e "$WORK/bad" ]; then tail -5 "$WORK/send.log"; die "$(cat "$WORK/bad")"; fi
[ "$(wc -l <"$WORK/complete")" -gt "$BEFORE" ] || die "after the last kill nothing was completed within 90 s"
wait $SENDER
[ ! -e "$WORK/bad" ] || die "$(cat "$WORK/bad")"
INTERRUPTED=$(grep -cE '^(3|5|8)$' "$WORK/codes" || true)
[ "$INTERRUPTED" -gt $((KILLS / 10)) ] || die "only $INTERRUPTED commands were interrupted: the kills came at the wrong time"
ok "$k kills, $INTERRUPTED commands interrupted, $(wc -l <"$WORK/complete") transfers completed, all equal"
