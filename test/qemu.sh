#!/usr/bin/env bash
# Same seed, same history, on every architecture: the simulator as a program for arm64, 32-bit ARM
# and 386, under qemu-user where the machine cannot run it, against that of this machine. SHORT=1: one seed, 64-bit ARM and
# 386 only, as in every run of all checks.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v qemu-aarch64 >/dev/null || ! command -v qemu-arm >/dev/null; then
	echo "SKIP make qemu: needs qemu-aarch64 and qemu-arm (Debian: qemu-user)"
	exit 0
fi
if [ "$(uname -sm)" != "Linux x86_64" ]; then
	echo "SKIP make qemu: it compares with linux/amd64, and this is $(uname -sm)"
	exit 0
fi
SHORT=${SHORT:-}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

go=${GO:-go}
build() { CGO_ENABLED=0 "$go" build -tags nethttpomithttp2 -trimpath -buildvcs=false -o "$1" ./cmd/caracal; }
GOARCH=amd64 build "$dir/amd64"
GOARCH=386 build "$dir/386"
GOARCH=arm64 build "$dir/arm64"
[ "$SHORT" ] || GOARCH=arm GOARM=6 build "$dir/armv6"

# run NAME SEED: the transcript and the result, which hold every packet and the digest of all their bytes
run() {
	local with=()
	case $1 in arm64*) with=(qemu-aarch64) ;; armv6*) with=(qemu-arm) ;; esac
	HOME=$dir "${with[@]}" "$dir/${1%-again}" sim run test/qemu.toml --seed "$2" --transcript "$dir/$1.log" --json >"$dir/$1.json" || [ $? = 10 ]
}

seeds="7 8"
[ "$SHORT" ] && seeds=7
for seed in $seeds; do
	run amd64 "$seed"
	others="386 arm64"
	[ "$seed" = 7 ] && [ ! "$SHORT" ] && others="386 arm64 armv6 armv6-again"
	for other in $others; do
		run "$other" "$seed"
		cmp "$dir/amd64.log" "$dir/$other.log"
		cmp "$dir/amd64.json" "$dir/$other.json"
	done
	echo "seed $seed: $(wc -l <"$dir/amd64.log") lines of events, the same on amd64, $others"
done
