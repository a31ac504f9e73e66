package simnet

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// BenchmarkIdle: how much faster than real time a mesh runs that has nothing to do,
// and what memory a node of it takes. -benchtime counts virtual seconds: 60x is a
// minute.
func BenchmarkIdle(b *testing.B) {
	for _, nodes := range []int{100, 300, 1000} {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			w := New(1)
			w.Random(LinkConfig{Latency: 5 * time.Millisecond}, 4, w.AddNodes("n", nodes)...)
			start := time.Now()
			if !w.RunUntilRoutesComplete(time.Minute) {
				b.Fatal("routes are not complete")
			}
			took := time.Since(start)
			w.Run(time.Minute) // what the start needed has been given back
			runtime.GC()
			runtime.ReadMemStats(&after)
			begun := w.Elapsed()
			b.ResetTimer()
			for range b.N {
				w.Run(time.Second)
			}
			b.ReportMetric((w.Elapsed()-begun).Seconds()/b.Elapsed().Seconds(), "×realtime")
			b.ReportMetric(took.Seconds(), "s/start")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1024/float64(nodes), "KiB/node")
			runtime.KeepAlive(w)
		})
	}
}
