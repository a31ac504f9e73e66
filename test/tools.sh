#!/usr/bin/env bash
# What other programs say of what we write for them: promtool of Prometheus of our metrics.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
cleanup() {
	status=$?
	for home in "$work"/home-*; do "$work/caracal" down -q --home "$home" 2>/dev/null || true; done
	rm -rf "$work"
	exit $status
}
trap cleanup EXIT
CGO_ENABLED=0 go build -o "$work/caracal" ./cmd/caracal
cc() { "$work/caracal" "$@"; }

echo "== promtool check metrics"
if command -v promtool >/dev/null; then
	cc up -q --home "$work/home-a" --listen 127.0.0.1:0 --interface 'none*'
	cc metrics --home "$work/home-a" >"$work/metrics"
	promtool check metrics <"$work/metrics"
	echo "ok: $(grep -vc '^#' "$work/metrics") series"
else
	echo "SKIP: no promtool"
fi
