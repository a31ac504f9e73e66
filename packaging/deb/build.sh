#!/usr/bin/env bash
# Builds the Debian package: packaging/deb/build.sh VERSION ARCH PROGRAM NATIVE OUT
#   VERSION  of the package            ARCH  amd64, arm64 or armhf
#   PROGRAM  built for that machine    NATIVE  the same, to run here: it writes pages and completions
set -euo pipefail
cd "$(dirname "$0")/../.."
VERSION=$1 ARCH=$2 PROGRAM=$3 NATIVE=$4 OUT=$5

ROOT=$(mktemp -d)
trap 'rm -rf "$ROOT"' EXIT
umask 022
put() { install -D -m "${3:-644}" "$1" "$ROOT/$2"; }

put "$PROGRAM" usr/bin/caracal 755
put packaging/systemd/caracal.service usr/lib/systemd/system/caracal.service
put packaging/systemd/caracal-user.service usr/lib/systemd/user/caracal.service

mkdir -p "$ROOT/usr/share/man/man1"
HOME=/nonexistent "$NATIVE" man --dir "$ROOT/usr/share/man/man1"
gzip -9n "$ROOT"/usr/share/man/man1/*.1

for shell in bash zsh fish; do
	HOME=/nonexistent "$NATIVE" completion $shell >"$ROOT/$shell"
done
put "$ROOT/bash" usr/share/bash-completion/completions/caracal
put "$ROOT/zsh" usr/share/zsh/vendor-completions/_caracal
put "$ROOT/fish" usr/share/fish/vendor_completions.d/caracal.fish
rm "$ROOT"/{bash,zsh,fish}

DOC=usr/share/doc/caracal
put packaging/deb/copyright $DOC/copyright
printf 'caracal (%s) unstable; urgency=medium\n\n  * See docs/ and the commit log of the project.\n\n -- Caracal developers <caracal@example.org>  %s\n' \
	"$VERSION" "$(date -u -R -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}")" >"$ROOT/changelog"
gzip -9n "$ROOT/changelog"
put "$ROOT/changelog.gz" $DOC/changelog.gz
rm "$ROOT/changelog.gz"
mkdir -p "$ROOT/usr/share/lintian/overrides"
cp packaging/deb/lintian-overrides "$ROOT/usr/share/lintian/overrides/caracal"
chmod 644 "$ROOT/usr/share/lintian/overrides/caracal"

for script in config postinst prerm postrm; do
	put packaging/deb/$script DEBIAN/$script 755
done
put packaging/deb/templates DEBIAN/templates
sed -e "s/@VERSION@/$VERSION/" -e "s/@ARCH@/$ARCH/" -e "s/@SIZE@/$(du -sk "$ROOT/usr" | cut -f1)/" packaging/deb/control >"$ROOT/DEBIAN/control"
(cd "$ROOT" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
chmod 644 "$ROOT/DEBIAN/control" "$ROOT/DEBIAN/md5sums"

mkdir -p "$OUT"
dpkg-deb --root-owner-group -Zxz --build "$ROOT" "$OUT/caracal_${VERSION}_$ARCH.deb"
