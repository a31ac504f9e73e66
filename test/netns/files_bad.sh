#!/usr/bin/env bash
# Files where things go wrong: hostile names and links at the sender, a file that changes while it is sent, a full
# disk, a folder that cannot be written, a node that dies under the command, a giver that dies while two are asked; and two
# nodes that pair and share through a third which neither of them knows by name.
source "$(dirname "$0")/lib.sh"

code() { # code WANT LOG COMMAND…: the exit code, and what was printed
	local want=$1 log=$2 got=0
	shift 2
	"$@" >"$WORK/$log" 2>&1 || got=$?
	[ $got = "$want" ] || { cat "$WORK/$log"; die "exit code $got, not $want: $*"; }
}
says() { grep -qE "$2" "$WORK/$1" || { cat "$WORK/$1"; die "\"$2\" was not said"; }; }
raw() { ! grep -q "$(printf '\033')" "$WORK/$1" || die "an escape sequence reached the terminal"; }

say "A - R - B, the files of B on a disk of 64 MB"
ns A R B
wire A ab 10.84.1.1/24 R ra 10.84.1.2/24
wire R rb 10.84.2.1/24 B br 10.84.2.2/24
mkdir -p "$WORK/disk"
mount -t tmpfs -o size=64m "cc$$" "$WORK/disk"
undo() { umount -l "$WORK/disk" 2>/dev/null || true; }
up A
up R
up B --accept all --files "$WORK/disk/files"
A=$(sid_of A)
B=$(sid_of B)
lists A "$B" 60
lists B "$A" 60

say "hostile names and links"
mkdir -p "$WORK/evil/deep"
echo ok >"$WORK/evil/good"
echo secret >"$WORK/secret"
(
	cd "$WORK/evil"
	for n in CON con.txt 'dot.' "$(printf 'x\033[2J')" "$(printf 'gpj.\xe2\x80\xaeexe')" "$(head -c 240 /dev/zero | tr '\0' x)"; do echo bad >"$n"; done
	ln -s "$WORK/secret" link
	ln -s .. deep/up
	mkfifo pipe
)
code 1 evil.log cc A send "$WORK/evil" B
says evil.log 'left out evil/link: symbolic link'
says evil.log 'left out evil/CON: name of a device on Windows'
says evil.log 'left out evil/x\\x1b\[2J'
raw evil.log
GOT="$WORK/disk/files/evil"
[ "$(cat "$GOT/good")" = ok ] || die "what could be sent was not"
[ "$(find "$GOT" -mindepth 1 | wc -l)" = 3 ] || { find "$GOT"; die "something was sent that should not be"; }
cc B inbox >"$WORK/inbox.log" 2>&1
raw inbox.log
ok "only what has a safe name and is a file arrives; nothing raw on the screen"

say "a file that grows and one that goes while they are sent"
mkdir -p "$WORK/moving"
head -c 20000000 /dev/urandom >"$WORK/moving/a-big"
echo x >"$WORK/moving/b-grows"
echo x >"$WORK/moving/c-goes"
echo x >"$WORK/moving/d-swapped"
cc A send "$WORK/moving" R --json >"$WORK/moving.json" 2>"$WORK/moving.log" &
SEND=$!
waits() { cc R inbox | awk '/waiting/ { print $1 }' | grep . >"$WORK/id"; }
soon waits || die "the offer does not come" # what is offered changes before anybody takes it: however fast the machine is
echo more >>"$WORK/moving/b-grows"
rm "$WORK/moving/c-goes" "$WORK/moving/d-swapped"
ln -s "$WORK/secret" "$WORK/moving/d-swapped"
cc R inbox accept "$(cat "$WORK/id")" >/dev/null
got=0
wait $SEND || got=$?
[ $got = 1 ] || { cat "$WORK/moving.log"; die "exit code $got, not 1"; }
says moving.log 'all but this was sent'
cmp "$WORK/moving/a-big" "$WORK/home-R/files/moving/a-big" || die "the file that stayed differs"
! grep -rq secret "$WORK/home-R/files/moving" || die "a link was followed"
rm -rf "$WORK/disk/files/evil"
ok "the rest arrives, and the command says what did not"

say "a full disk: refused before anything is written, and when it fills meanwhile"
head -c 100000000 /dev/urandom >"$WORK/huge"
code 6 full.log cc A send "$WORK/huge" B
says full.log 'no space, [0-9.]+ MB free'
head -c 40000000 "$WORK/huge" >"$WORK/large"
cc A send "$WORK/large" B --json >"$WORK/fill.json" 2>"$WORK/fill.log" &
SEND=$!
soon grep -q '"progress"' "$WORK/fill.json" || die "it does not begin"
head -c 60000000 /dev/zero >"$WORK/disk/filler" 2>/dev/null || true
got=0
wait $SEND || got=$?
case $got in
1) says fill.log 'disk full on B. Make room there, then continue with the same command' ;;
0) echo "note: it had arrived before the disk was full" ;;
*) cat "$WORK/fill.log"; die "exit code $got on a disk that fills" ;;
esac
rm "$WORK/disk/filler"
code 0 again.log cc A send "$WORK/large" B
cmp "$WORK/large" "$WORK/disk/files/large" || die "what was continued differs"
rm -rf "$WORK/disk/files/large"
ok "the clear error, and the same command continues"

say "a folder that cannot be written"
mount -o remount,ro "$WORK/disk"
code 1 ro.log cc A send "$WORK/evil/good" B
says ro.log 'B could not take it: '
mount -o remount,rw "$WORK/disk"
code 0 rw.log cc A send "$WORK/evil/good" B
ok "the clear error"

say "the node dies under its command"
cc R trust A >/dev/null
truncate -s 600M "$WORK/long"
cc A send "$WORK/long" R --json >"$WORK/dies.json" 2>"$WORK/dies.log" &
SEND=$!
soon on_disk R 50 || die "it does not begin"
kill -9 "$PID_A"
wait "$PID_A" 2>/dev/null || true
got=0
wait $SEND || got=$?
[ $got = 8 ] || { cat "$WORK/dies.log"; die "exit code $got, not 8"; }
says dies.log 'Start it with caracal up, then continue with the same command'
up A
lists A "$B" 60
code 0 lives.log cc A send "$WORK/long" R
says lives.log 'continuing at'
cmp "$WORK/long" "$WORK/home-R/files/long" || die "what was continued differs"
rm "$WORK/home-R/files/long" "$WORK/long"
ok "exit 8, and the same command continues"

say "pairing and shares through R, which neither has named"
cc A invite --yes --json >"$WORK/invite.json" 2>"$WORK/invite.log" &
INVITE=$!
for _ in $(seq 1000); do CODE=$(sed -n 's/.*"code":"\([^"]*\)".*/\1/p' "$WORK/invite.json"); [ -n "$CODE" ] && break; sleep 0.02; done
code 0 join.log cc B join "$CODE" --yes
wait $INVITE || { cat "$WORK/invite.log"; die "the inviter failed"; }
says join.log '^A added, trusted$'
cc A trust | has '^B ' || die "A does not trust B"
code 0 share.log cc A share "$WORK/large" --max 1
code 0 get.log cc B get A:large
cmp "$WORK/large" "$WORK/disk/files/large" || die "what was fetched differs"
code 6 spent.log cc R get A:large
says spent.log 'downloaded as often as allowed'
ok "paired, shared, fetched"

say "two givers, of which one dies"
cc A unshare large >/dev/null
rm "$WORK/disk/files/large"
cp "$WORK/large" "$WORK/large-at-R"
mkdir -p "$WORK/r"
mv "$WORK/large-at-R" "$WORK/r/large"
code 0 share2.log cc A share "$WORK/large"
code 0 share3.log cc R share "$WORK/r/large"
cc B get A:large --from R --json >"$WORK/two.json" 2>"$WORK/two.log" &
GET=$!
soon grep -q '"progress"' "$WORK/two.json" || die "it does not begin"
kill -9 "$PID_A"
wait "$PID_A" 2>/dev/null || true
wait $GET || { cat "$WORK/two.log"; die "the fetch failed with its other giver alive"; }
cmp "$WORK/large" "$WORK/disk/files/large" || die "what was fetched differs"
! ls "$WORK/disk/files/.caracal-partial" | has ^c- || die "partial files stay"
ok "the other one gives the rest"

for n in R B; do cc $n down; done
say "bad files: all ok"
