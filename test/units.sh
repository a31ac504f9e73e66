#!/usr/bin/env bash
# The system unit under a living systemd, which runs in namespaces of its own on a copy of this system that is thrown away:
# the package starts the node, which says when it is ready; systemd restarts it when it is killed and when it hangs, reloads and stops it;
# none of the unit's walls is in its way. Usage: test/units.sh DEB
set -euo pipefail
cd "$(dirname "$0")/.."
DEB=$1
skip() { echo "SKIP units under systemd: $*"; exit 0; }
[ "$(id -u)" = 0 ] || skip "needs root"
[ -x /lib/systemd/systemd ] && command -v unshare >/dev/null && [ -x /usr/sbin/pivot_root ] || skip "needs systemd, unshare and pivot_root"
WORK=$(mktemp -d)
R=$WORK/root
cleanup() {
	status=$?
	for m in "$R/proc" "$R/dev" "$R" "$WORK"; do umount -l "$m" 2>/dev/null || true; done
	rm -rf "$WORK"
	exit $status
}
trap cleanup EXIT
mount -t tmpfs none "$WORK"
mkdir "$WORK"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/upper,workdir=$WORK/work" "$R" 2>/dev/null || skip "this kernel or container forbids overlay file systems"

mount -t proc proc "$R/proc"
mount --rbind /dev "$R/dev"
mount --make-rslave "$R/dev"
cp "$DEB" "$R/caracal.deb"
DEBIAN_FRONTEND=noninteractive chroot "$R" dpkg -i /caracal.deb >/dev/null
umount -l "$R/dev" "$R/proc"

# Of the rest of the system, nothing starts.
for u in systemd-udevd systemd-udev-trigger systemd-hwdb-update systemd-update-utmp systemd-modules-load systemd-logind systemd-resolved systemd-timesyncd ssh; do
	ln -sf /dev/null "$R/etc/systemd/system/$u.service"
done
: >"$R/etc/fstab"
: >"$R/etc/machine-id"
mkdir -p "$R/etc/systemd/system/caracal.service.d" "$R/old"
printf '[Service]\nWatchdogSec=5\n' >"$R/etc/systemd/system/caracal.service.d/sooner.conf"
printf '[Unit]\nRequires=basic.target\nWants=caracal.service tried.service\nAfter=basic.target\nAllowIsolate=yes\n' >"$R/etc/systemd/system/tried.target"
cat >"$R/etc/systemd/system/tried.service" <<'UNIT'
[Service]
Type=oneshot
StandardOutput=file:/tried.out
StandardError=inherit
ExecStart=/bin/bash /tried.sh
ExecStopPost=/bin/systemctl --no-block exit 0
UNIT
cat >"$R/tried.sh" <<'TRIED'
die() { echo "not ok: $*"; systemctl status caracal --no-pager -l | cat; journalctl -u caracal --no-pager -o cat | tail -20; exit 1; }
of() { systemctl show -P "$1" caracal; }
comes() { for _ in $(seq 1000); do [ "$(of "$1")" = "$2" ] && return; sleep 0.1; done; die "$3: $1 is $(of "$1"), not $2"; }
ip link set lo up
comes ActiveState active "after installing"
[ "$(stat -c %U "/proc/$(of MainPID)")" = caracal ] || die "it does not run as its user"
CARACAL_HOME=/var/lib/caracal caracal status -q || die "status"
echo "ok: it starts, and says when it is ready"
pid=$(of MainPID)
systemctl reload caracal || die "reload"
[ "$(of MainPID)" = "$pid" ] || die "reload ended it"
echo "ok: reload"
kill -9 "$pid"
comes NRestarts 1 "after kill -9"
comes ActiveState active "after kill -9"
echo "ok: killed, it is started again"
kill -STOP "$(of MainPID)"
comes NRestarts 2 "hanging"
comes ActiveState active "after it hung"
echo "ok: hanging, the watchdog has it started again"
[ "$(CARACAL_HOME=/var/lib/caracal caracal id --json | sed -n 's/.*"sid":"\([0-9a-f]*\)".*/\1/p' | wc -c)" = 65 ] || die "no identity"
systemctl stop caracal || die "stop"
[ "$(of Result)" = success ] || die "it did not stop by itself: $(of Result)"
echo "ok: it stops when it is told to"
echo "all ok"
TRIED

# What systemd wants to find: mounts of its own, few devices, and a group of its own for control groups.
cat >"$WORK/boot.sh" <<'BOOT'
set -e
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount -t sysfs sysfs "$1/sys"
for d in run dev; do mount -t tmpfs -o mode=755 tmpfs "$1/$d"; done
mount -t tmpfs tmpfs "$1/tmp"
for d in null zero full random urandom tty; do cp -a "/dev/$d" "$1/dev/$d"; done
mkdir "$1/dev/shm" "$1/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts"
ln -s pts/ptmx "$1/dev/ptmx"
ln -s /proc/self/fd "$1/dev/fd"
ln -s null "$1/dev/console"
mount -t cgroup2 none "$1/sys/fs/cgroup"
cd "$1"
pivot_root . old
exec env -i container=tried PATH=/usr/sbin:/usr/bin:/sbin:/bin /bin/bash -c 'umount -l /old; exec "$@"' boot /lib/systemd/systemd --system --unit=tried.target --log-target=journal --show-status=0
BOOT
timeout 400 unshare --mount --pid --fork --uts --ipc --net --cgroup bash "$WORK/boot.sh" "$R" >"$WORK/boot.log" 2>&1 </dev/null || true
[ -s "$R/tried.out" ] || { cat "$WORK/boot.log"; skip "systemd does not start in namespaces here"; }
cat "$R/tried.out"
grep -q '^all ok$' "$R/tried.out"
