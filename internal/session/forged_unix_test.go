//go:build unix

package session

import (
	"syscall"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// What a forged handshake 1 costs once the budget is spent, cookies included: cpu-ns/op is what counts on a
// busy machine. They come from addresses all different, but for OneSource.
func BenchmarkForged(b *testing.B) {
	for _, c := range []struct {
		name    string
		sources int
		mangle  func(msg []byte)
	}{
		{"BadMac1", 1 << 24, func(msg []byte) { msg[20]++ }},
		{"NoMac2", 1 << 24, func([]byte) {}},
		{"BadMac2", 1 << 24, func(msg []byte) { msg[len(msg)-1]++ }},
		{"OneSource", 1, func([]byte) {}},
	} {
		b.Run(c.name, func(b *testing.B) {
			_, s := loadedPair(new(testing.T))
			flood(start, s)
			msg := forged(s, 1)
			c.mangle(msg)
			b.ReportAllocs()
			n, spent := 0, cpuTime()
			for b.Loop() {
				n++
				if _, err := s.table.ReceiveInit(start, anywhere(n%c.sources), msg); err == nil {
					b.Fatal("accepted")
				}
				if n%64 == 0 {
					s.table.Cookies(start, func(link.Path, []byte) bool { return true })
				}
			}
			b.ReportMetric(float64(cpuTime()-spent)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
