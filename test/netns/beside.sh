#!/usr/bin/env bash
# What mostly waits, each beside the others: the scripts in test/netns/beside.
source "$(dirname "$0")/lib.sh"
export CARACAL

running=() names=()
for script in test/netns/beside/*.sh; do
	name=$(basename "$script" .sh)
	names+=("$name")
	bash "$script" >"$WORK/$name.out" 2>&1 &
	running+=($!)
done
failed=
for i in "${!names[@]}"; do
	wait "${running[$i]}" || failed="$failed ${names[$i]}"
	echo "== test/netns/beside/${names[$i]}.sh"
	grep -v ' Killed ' "$WORK/${names[$i]}.out"
done
[ -z "$failed" ] || die "failed:$failed"
