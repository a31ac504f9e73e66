#!/usr/bin/env bash
# Avahi on the machine beside us, on the same port: both find and are found by mDNS, whichever was there first.
source "$(dirname "$0")/../lib.sh"

if ! command -v avahi-daemon >/dev/null; then
	echo "SKIP avahi.sh: avahi-daemon is not installed"
	exit 0
fi
mkdir -p "$WORK/avahi/services"
cat >"$WORK/avahi/avahi-daemon.conf" <<'CONF'
[server]
host-name=printer
enable-dbus=no
use-ipv6=no
[publish]
publish-hinfo=no
CONF
cat >"$WORK/avahi/services/test.service" <<'XML'
<?xml version="1.0" standalone='no'?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name>Printer of A</name><service><type>_ipp._tcp</type><port>631</port></service></service-group>
XML

# avahi: Avahi in A, with a configuration of its own.
avahi() {
	daemon A unshare -m sh -c "mount --bind '$WORK/avahi' /etc/avahi && mount -t tmpfs none /run && mkdir -p /run/avahi-daemon && exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f /etc/avahi/avahi-daemon.conf" \
		>>"$WORK/avahi.log" 2>&1 &
	AVAHI=$!
}

# asked: B asks the LAN for printers, and Avahi answers.
asked() {
	in_ns B python3 - <<'PY' || { cat "$WORK/avahi.log"; die "Avahi does not answer beside us"; }
import socket, struct, sys, time
name = b"".join(bytes([len(w)]) + w for w in (b"_ipp", b"_tcp", b"local")) + b"\0"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.88.1.2"))
s.settimeout(0.3)
end = time.time() + 60
while time.time() < end:
    s.sendto(struct.pack(">6H", 7, 0, 1, 0, 0, 0) + name + struct.pack(">2H", 12, 1), ("224.0.0.251", 5353))
    try:
        if b"Printer of A" in s.recv(9000):
            sys.exit(0)
    except TimeoutError:
        pass
sys.exit(1)
PY
	ok "Avahi is found"
}

export CARACAL_DISCOVERY_BROADCAST=false CARACAL_DISCOVERY_MULTICAST=false # mDNS alone
ns A B
wire A lan 10.88.1.1/24 B lan 10.88.1.2/24

say "Avahi was there first"
avahi
asked
up A
up B
A=$(sid_of A)
B=$(sid_of B)
lists A "$B" 60
lists B "$A" 60
asked
in_ns A "$CARACAL" doctor --home "$WORK/home-A" >"$WORK/doctor.txt" || { cat "$WORK/doctor.txt"; die "the doctor finds fault"; }

say "Avahi comes later"
kill "$AVAHI"
wait "$AVAHI" || true
kill "$PID_A" "$PID_B"
wait "$PID_A" "$PID_B" || true
up A
sid_of A >/dev/null
avahi
asked
up B
lists A "$B" 60
lists B "$A" 60
asked
