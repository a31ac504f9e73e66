#!/usr/bin/env bash
# The page in a real browser: a few nodes on the loopback of a network of their own, and Chromium beside them.
set -euo pipefail
cd "$(dirname "$0")"

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ] || ! command -v node >/dev/null; then
	echo "SKIP make web-test: needs chromium and node"
	exit 0
fi
if ! unshare -rn true 2>/dev/null; then
	echo "SKIP make web-test: this kernel or container forbids network namespaces"
	exit 0
fi
[ -d node_modules/playwright-core ] || npm ci --no-audit --no-fund --silent
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd ../.. && CGO_ENABLED=0 go build -o "$work/caracal" ./cmd/caracal)
BROWSER_BIN=$browser CARACAL=$work/caracal WORK=$work SHOTS=${SHOTS:-} \
	unshare -rn sh -c 'ip link set lo up && exec node page.test.mjs'
