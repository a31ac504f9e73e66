#!/usr/bin/env bash
# Every terminal session of docs/guide, typed as it stands by test/netns/beside/guides.py: each guide on machines of its own, a kitchen
# between a laptop and a roof, with fresh home folders.
source "$(dirname "$0")/../lib.sh"

GUIDES=${GUIDES:-first-mesh files services private-network raspberry-pi configuration simulate}
mkdir "$WORK/bin"
cp "$CARACAL" "$WORK/bin/caracal"

# What is not there in a namespace: a system that systemd runs, a user's sudo, an SSH server's client.
stand_in() {
	cat >"$WORK/bin/$1"
	chmod 755 "$WORK/bin/$1"
}
printf '#!/bin/sh\nexec "$@"\n' | stand_in sudo
for name in systemctl journalctl loginctl; do
	printf '#!/bin/sh\necho "%s $*" >>"$HOME/%s"\n' $name systemd | stand_in $name
done
stand_in ssh <<'PY'
#!/usr/bin/env python3
import socket, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[sys.argv.index("-p") + 1])), 5)
print(c.recv(100).decode().strip())
PY

# guide NAME: its machines, wired; then what it says is typed.
guide() {
	local space=$2
	ns "$space-kitchen" "$space-laptop" "$space-roof"
	wire "$space-kitchen" lan 10.89.1.1/24 "$space-laptop" lan 10.89.1.2/24
	wire "$space-kitchen" roof 10.89.2.1/24 "$space-roof" lan 10.89.2.2/24
	python3 test/netns/beside/guides.py "docs/guide/$1.md" "$P-$space" "$WORK/$1"
}

for g in docs/guide/*.md; do # one that is not in the list has no session
	name=$(basename "$g" .md)
	case " $GUIDES " in *" $name "*) continue ;; esac
	[ -n "${ONLY:-}" ] || ! grep -Eq '^    [a-z]+\$ ' "$g" || die "nobody types what $g says"
done

running=() n=0
for name in $GUIDES; do
	mkdir "$WORK/$name"
	n=$((n + 1))
	guide "$name" $n >"$WORK/$name.out" 2>&1 &
	running+=($!)
done
failed=0
n=0
for name in $GUIDES; do
	wait "${running[$n]}" || failed=1
	n=$((n + 1))
	say "docs/guide/$name.md"
	cat "$WORK/$name.out"
done
[ $failed = 0 ] || die "a guide says what cannot be typed"
