#!/bin/sh
# fuzz.sh PACKAGE TARGET TIME: fuzzes one target, prints a line, or all that was said if it failed.
fuzz() {
	${GO:-go} test -run '^$' -fuzz "^$2\$" -fuzztime "$3" -fuzzminimizetime 5x -parallel 1 "$1" 2>&1
}
out=$(fuzz "$@")
failed=$?
# Go's fuzzer at times takes the end of its own time for a failure: once more then.
case $failed,$out in
0,* | *'Failing input'*) ;;
*'context deadline exceeded'*)
	out=$(fuzz "$@")
	failed=$?
	;;
esac
echo "== $1 $2"
if [ $failed = 0 ]; then
	echo "$out" | grep execs | tail -n 1
else
	echo "$out"
fi
exit $failed
