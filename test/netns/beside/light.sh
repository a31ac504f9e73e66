#!/usr/bin/env bash
# What a node weighs that has nothing to do: memory, and the time that a look at it takes.
source "$(dirname "$0")/../lib.sh"

RSS_KB=${RSS_KB:-24000} STATUS_MS=${STATUS_MS:-50}

ns A B
wire A lan 10.91.1.1/24 B lan 10.91.1.2/24
up A
up B
B=$(sid_of B)
lists A "$B" 60
cc A ping B -c 3 -i 100ms >/dev/null
sleep 5
node=$(cc A status --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["self"]["pid"])')
rss=$(awk '/VmRSS/ { print $2 }' "/proc/$node/status")
[ "$rss" -le "$RSS_KB" ] || die "an idle node has $rss kB in memory, more than $RSS_KB"
ok "an idle node with a peer has $rss kB in memory"

# The quickest of many: what else the machine has to do is not ours.
in_ns A python3 - "$CARACAL" "$WORK/home-A" "$STATUS_MS" <<'PY' || die "caracal status takes longer"
import subprocess, sys, time
took = []
for _ in range(20):
    start = time.monotonic()
    subprocess.run([sys.argv[1], "status", "--home", sys.argv[2]], check=True, stdout=subprocess.DEVNULL)
    took.append((time.monotonic() - start) * 1000)
print("ok: caracal status in %.0f ms, median %.0f ms" % (min(took), sorted(took)[10]))
sys.exit(min(took) > float(sys.argv[3]))
PY
