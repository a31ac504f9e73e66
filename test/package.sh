#!/usr/bin/env bash
# What is shipped, tried: the Debian packages (lintian; installed, used, removed and purged in a copy of this system that is
# thrown away; the ARM ones run under qemu), the manual pages (mandoc), the scripts (shellcheck), the units
# (systemd-analyze), the Dockerfile (its steps done by hand, the program alone in a root of its own), and what it all weighs.
# Usage: test/package.sh VERSION, after make deb.
set -euo pipefail
cd "$(dirname "$0")/.."
VERSION=$1
WORK=$(mktemp -d)

say() { printf '\n== %s\n' "$*"; }
ok() { echo "ok: $*"; }
die() {
	echo "not ok: $*"
	exit 1
}
cleanup() {
	status=$?
	for m in "$WORK"/root/proc "$WORK"/root/dev "$WORK"/root; do umount -l "$m" 2>/dev/null || true; done
	umount -l "$WORK" 2>/dev/null || true
	rm -rf "$WORK"
	exit $status
}
trap cleanup EXIT
have() { command -v "$1" >/dev/null || { echo "SKIP $1 is not installed"; return 1; }; }

say "scripts"
if have shellcheck; then
	shellcheck -S warning packaging/deb/*.sh packaging/deb/{config,postinst,prerm,postrm} test/*.sh .ci/run
	ok "shellcheck"
fi

say "manual pages"
if have mandoc; then
	mkdir -p "$WORK/man/man1"
	bin/caracal man --dir "$WORK/man/man1"
	makewhatis "$WORK/man" 2>/dev/null || true
	MANPATH="$WORK/man" mandoc -Tlint -Wstyle "$WORK"/man/man1/*.1 || die "mandoc has something to say"
	ok "mandoc: $(ls "$WORK/man/man1" | wc -l) pages, not a word"
fi

say "units"
if have systemd-analyze; then
	mkdir "$WORK/units"
	for u in caracal caracal-user; do
		sed "s|/usr/bin/caracal|$PWD/bin/caracal|" packaging/systemd/$u.service >"$WORK/units/$u.service"
		systemd-analyze verify --man=no "$WORK/units/$u.service" 2>&1 | grep -v "caracal.*User\|org.freedesktop\|Failed to" | grep . && die "$u.service" || true
	done
	systemd-analyze security --offline=yes "$WORK/units/caracal.service" 2>/dev/null | tail -1
	ok "systemd-analyze verify"
fi

say "what it weighs"
for limit in amd64:17000000 arm64:17000000 armhf:16000000; do # docs/adr/0068
	arch=${limit%:*}
	size=$(stat -c %s bin/caracal-deb-$arch)
	[ "$size" -le "${limit#*:}" ] || die "the program for $arch has $size bytes, more than ${limit#*:}"
	ok "$arch: $size bytes"
done

say "as ARM, under qemu-user"
for pair in armhf:qemu-arm arm64:qemu-aarch64; do
	if have "${pair##*:}"; then
		p="${pair##*:} bin/caracal-deb-${pair%%:*}"
		$p version | grep -Eq 'linux/arm(64)? ' || die "$p version"
		$p init --home "$WORK/arm-${pair%%:*}" -q | grep -Eq '^[0-9a-f]{64}$' || die "$p init"
		$p config check --home "$WORK/arm-${pair%%:*}" >/dev/null || die "$p config check"
		ok "$p: version, init, config check"
	fi
done

say "lintian"
if have lintian; then
	lintian --allow-root --fail-on error,warning bin/deb/caracal_"${VERSION}"_*.deb || die "lintian"
	ok "clean"
fi

if [ "$(id -u)" != 0 ] || ! have dpkg || ! have adduser; then
	echo "SKIP installing: needs root, dpkg and adduser"
	exit 0
fi
DEB=$(echo "$PWD"/bin/deb/caracal_"${VERSION}"_"$(dpkg --print-architecture)".deb)

say "the Dockerfile, its steps done without Docker"
DOCKERFILE=packaging/docker/Dockerfile
step() { sed -n "s/^$1 //p" $DOCKERFILE; }
words() { step "$1" | sed 's/^CMD //; s/[][",]//g'; } # of a list in JSON whose members have no spaces
[ "$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' go.mod)" = "$(sed -n 's/^FROM golang:\([0-9.]*\) .*/\1/p' $DOCKERFILE)" ] || die "the Dockerfile has another Go than go.mod"
mkdir "$WORK/out" "$WORK/scratch"
eval "$(step RUN | sed "s|/out/|$WORK/out/|g")"
while read -r from to owner; do
	cp -r "$WORK$from" "$WORK/scratch$to"
	[ -z "$owner" ] || chown -R "$owner" "$WORK/scratch$to"
done < <(step COPY | sed -nE 's/^--from=build (--chown=([^ ]*) )?([^ ]*) ([^ ]*)$/\3 \4 \2/p')
in_scratch() { env -i "$(step ENV)" "$(command -v chroot)" --userspec="$(step USER)" "$WORK/scratch" "$@"; }
# shellcheck disable=SC2046 # words
in_scratch $(words ENTRYPOINT) $(words CMD) --listen 127.0.0.1:0 --interface 'none*' 2>"$WORK/scratch.log" &
for _ in $(seq 600); do
	# shellcheck disable=SC2046
	in_scratch $(words HEALTHCHECK) >"$WORK/scratch.out" 2>/dev/null && break || sleep 0.1
done
NODE=$(pgrep -u "$(step USER | cut -d: -f1)" -f '^/caracal up') || { cat "$WORK/scratch.log"; die "no node in the container"; }
grep -q "no peers in sight" "$WORK/scratch.out" || { cat "$WORK/scratch.log"; die "no node in the container"; }
RSS=$(awk '/^VmRSS/{print $2}' /proc/"$NODE"/status)
best=999999
for _ in $(seq 50); do # once without somebody else's work in between tells
	t=$(date +%s%N)
	in_scratch /caracal status -q >/dev/null
	t=$((($(date +%s%N) - t) / 1000000))
	[ $t -ge $best ] || best=$t
	[ $best -gt 50 ] || break
done
kill "$NODE"
wait || true
ok "healthy as the user of the container, alone in its root: runs, with $RSS KiB of memory; status takes $best ms"
[ "$RSS" -le $((24 * 1024)) ] || die "an idle node has $RSS KiB, more than 24 MiB"
[ "$best" -le 50 ] || die "status takes $best ms, more than 50"

say "installed in a copy of this system"
mount -t tmpfs none "$WORK"
mkdir "$WORK"/{upper,work,root}
if ! mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/upper,workdir=$WORK/work" "$WORK/root" 2>/dev/null; then
	echo "SKIP installing: this kernel or container forbids overlay file systems"
	exit 0
fi
mount -t proc proc "$WORK/root/proc"
mount --rbind /dev "$WORK/root/dev"
mount --make-rslave "$WORK/root/dev"
cp "$DEB" "$WORK/upper/caracal.deb" 2>/dev/null || cp "$DEB" "$WORK/root/caracal.deb"
in_copy() { DEBIAN_FRONTEND=noninteractive chroot "$WORK/root" "$@"; }
answer() { printf 'caracal caracal/purge-identity boolean %s\n' "$1" | in_copy debconf-set-selections; }

in_copy dpkg -i /caracal.deb
in_copy getent passwd caracal >/dev/null || die "no user caracal"
[ "$(in_copy stat -c '%U:%G %a' /var/lib/caracal)" = "caracal:caracal 750" ] || die "/var/lib/caracal: $(in_copy stat -c '%U:%G %a' /var/lib/caracal)"
in_copy caracal version
[ -e "$WORK/root/usr/share/man/man1/caracal-send.1.gz" ] && [ -e "$WORK/root/usr/share/bash-completion/completions/caracal" ] || die "no pages or completions"
in_copy setpriv --reuid caracal --regid caracal --clear-groups env CARACAL_HOME=/var/lib/caracal caracal init -q | grep -Eq '^[0-9a-f]{64}$' || die "the user caracal cannot make the identity"
ok "installed, and its user has an identity"

in_copy dpkg -r caracal
[ -e "$WORK/root/var/lib/caracal/identity.key" ] || die "remove took the identity"
in_copy dpkg -P caracal 2>&1 | tee "$WORK/purge.txt"
grep -q "is kept in /var/lib/caracal" "$WORK/purge.txt" || die "purge does not say that the identity is kept"
[ -e "$WORK/root/var/lib/caracal/identity.key" ] || die "purge took the identity without being asked to"
ok "remove and purge keep the identity until told otherwise"

in_copy dpkg -i /caracal.deb >/dev/null
answer true
in_copy dpkg -P caracal
[ ! -e "$WORK/root/var/lib/caracal" ] || die "purge was told to remove the identity, and did not"
ok "purge removes it when told to"
