#!/bin/sh
# corpus.sh [MOST]: keeps what the fuzzer has found to be interesting on this machine in testdata/fuzz, where every
# "go test" tries it: the shortest MOST (40) of each target, none longer than 2,000 bytes, beside what is there.
set -eu
most=${1:-40}
cd "$(dirname "$0")/.."
module=$(${GO:-go} list -m)
cache=$(${GO:-go} env GOCACHE)/fuzz/$module
[ -d "$cache" ] || { echo "nothing has been fuzzed on this machine: make fuzz" >&2; exit 1; }
(cd "$cache" && find . -type d -name 'Fuzz*') | sort | while read -r target; do
	package=$(dirname "$target")
	grep -qs "^func $(basename "$target")(" "$package"/*_test.go || continue # it is no more
	kept=$package/testdata/fuzz/$(basename "$target")
	mkdir -p "$kept"
	find "$cache/$target" -type f -size -2001c -printf '%s %p\n' | sort -n | head -n "$most" | while read -r _ file; do
		cp -n "$file" "$kept/"
	done
	echo "$kept $(find "$kept" -type f | wc -l)"
done
