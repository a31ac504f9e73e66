#!/usr/bin/env bash
# What other programs say of what we write for them: promtool of our metrics, tshark of what we capture, with our dissector.
# In a network of its own, where there can be one: so no other node joins in.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${INSIDE:-}" ] && unshare -rn true 2>/dev/null; then
	exec env INSIDE=1 unshare -rn sh -c 'ip link set lo up && exec bash test/tools.sh'
fi

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

# meet: two nodes that have just found each other.
meet() {
	for n in b c; do cc up -q --home "$work/home-$n" --name "$n" --listen 127.0.0.1:0 --interface lo --accept all; done
	for _ in $(seq 600); do
		[[ $(cc peers --home "$work/home-b" --json) == *'"name":"c"'* ]] && return
		sleep 0.1
	done
	die "no peers"
}
die() {
	echo "not ok: $*"
	exit 1
}
echo "== shells complete peers that are there"
meet
export CARACAL_HOME=$work/home-b PATH=$work:$PATH
for shell in bash zsh fish powershell; do cc completion $shell >"$work/completion.$shell"; done
complete_in() {
	case $1 in
	bash) # _get_comp_words_by_ref is of the package bash-completion
		bash --norc -c '_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}; }
			. "$1"; COMP_WORDS=(caracal ping ""); COMP_CWORD=2; COMP_LINE="caracal ping "; COMP_POINT=13; COMP_TYPE=9; __start_caracal 2>/dev/null; printf "%s\n" "${COMPREPLY[@]}"' - "$work/completion.bash" ;;
	fish) HOME=$work fish --no-config -c 'source $argv[1]; complete -C "caracal ping "' "$work/completion.fish" ;;
	zsh) HOME=$work zsh -f test/complete.zsh "$work/completion.zsh" "caracal ping " ;;
	pwsh) HOME=$work pwsh -NoProfile -Command '. ([ScriptBlock]::Create((Get-Content -Raw "'"$work"'/completion.powershell"))); (TabExpansion2 "caracal ping " 13).CompletionMatches.CompletionText' ;;
	esac
}
for shell in bash zsh fish pwsh; do
	if [ $shell = pwsh ] && ! command -v pwsh >/dev/null; then # Debian has none: what its script asks the program, and that it registers for it
		grep -q "Register-ArgumentCompleter -CommandName 'caracal'" "$work/completion.powershell" || die "powershell's script completes nothing"
		grep -q '\$RequestComp="$Program __complete $Arguments"' "$work/completion.powershell" || die "powershell's script asks for something else"
		[[ $'\n'$(caracal __complete ping '' 2>/dev/null) == *$'\nc\t'* ]] || die "powershell would not complete the peer"
		echo "ok: powershell, by what its script asks (SKIP: no pwsh to run it)"
		continue
	fi
	if ! command -v $shell >/dev/null; then
		echo "SKIP: no $shell"
		continue
	fi
	complete_in $shell >"$work/completed" || true
	grep -Eq '(^|ping |[[:space:]])c([[:space:]]|$)' "$work/completed" || { cat "$work/completed"; die "$shell does not complete the peer"; }
	echo "ok: $shell"
done
unset CARACAL_HOME

echo "== tshark with our dissector"
if ! command -v tshark >/dev/null; then
	echo "SKIP: no tshark"
	exit 0
fi
for n in b c; do cc down -q --home "$work/home-$n"; done
meet # anew: who has just come sends beacons often
mkdir "$work/out"
# Two recordings of the same: one with what is opened, one without.
"$work/caracal" capture -q --home "$work/home-b" -o "$work/opened.pcapng" &
first=$!
"$work/caracal" capture -q --home "$work/home-b" --outer -o "$work/outer.pcapng" &
second=$!
for _ in $(seq 1000); do [ -s "$work/opened.pcapng" ] && [ -s "$work/outer.pcapng" ] && break; sleep 0.05; done
cc ping c -c 2 -i 50ms --home "$work/home-b" >/dev/null
for _ in $(seq 500); do echo "a line that can be recognised"; done >"$work/letter.txt"
cc send -q "$work/letter.txt" c --home "$work/home-b"
sleep 3 # for beacons: who has just come sends one a second
kill -INT $first $second
wait $first || die "capture ended with $?"
wait $second || die "capture ended with $?"
[ "$(stat -c %a "$work/opened.pcapng")" = 600 ] || die "others can read the recording"
cc capture --dissector >"$work/caracal.lua"
shark() { tshark -X "lua_script:$work/caracal.lua" "$@" 2>"$work/err"; }

# has FILE FILTER LEAST: at least so many packets match.
has() {
	local n
	n=$(shark -r "$1" -Y "$2" | wc -l)
	[ "$n" -ge "$3" ] || die "$n packets match $2 in $(basename "$1"): $(cat "$work/err")"
	echo "ok: $n packets match $2"
}
file=$work/opened.pcapng
has "$file" 'caracal.type == 0xc0' 2
has "$file" 'caracal.type == 0xc4 && caracal.counter > 0' 10
has "$file" 'caracal.opened.layer == 1 && caracal.frame == 4' 3
has "$file" 'caracal.opened.layer == 1 && caracal.frame == 2 && caracal.section' 3
has "$file" 'caracal.opened.layer == 2 && caracal.dstport == 2' 2
has "$file" 'caracal.msp.service == "caracal.files/1"' 1
has "$file" 'caracal.msp.data contains "can be recognised"' 10
for n in opened outer; do
	f=$work/$n.pcapng
	[ "$(shark -r "$f" -Y '_ws.malformed || caracal.short || ip.checksum.status == "Bad"' -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE | wc -l)" = 0 ] || die "$n: malformed packets"
	! shark -r "$f" -V | grep "Lua Error" || die "$n: the dissector fails"
	[ "$(shark -r "$f" -Y 'frame.number > 1 && !caracal && !caracal_opened' | wc -l)" = 0 ] || die "$n: packets that nobody knows"
done
has "$work/outer.pcapng" 'caracal.type == 0xc4' 10
[ "$(shark -r "$work/outer.pcapng" -Y caracal_opened | wc -l)" = 0 ] || die "--outer has opened packets"
! grep -q "can be recognised" "$work/outer.pcapng" || die "--outer shows what is in a file"
grep -q "can be recognised" "$file" || die "the opened recording does not show what is in the file"
if command -v editcap >/dev/null; then
	editcap -E 0.03 --seed 7 "$file" "$work/broken.pcapng" 2>/dev/null
	! shark -r "$work/broken.pcapng" -V | grep "Lua Error" || die "the dissector fails on broken packets"
	echo "ok: broken packets do not break the dissector"
fi
echo "ok: $(shark -r "$file" | wc -l) packets, none malformed"
