package main

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// What the start needed is let go of after a while, and then again and again, until the node ends.
func TestANodeSettlesAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := &daemon{ctx: ctx, cancel: cancel}
		u := &upRun{log: slog.New(slog.DiscardHandler)}
		before := collections()
		u.settle(d)
		time.Sleep(settleAfter - time.Second)
		for i := range uint32(4) {
			if n := collections() - before; n != i {
				t.Fatalf("%d collections, not %d", n, i)
			}
			time.Sleep(settleAgain)
			synctest.Wait()
		}
		cancel()
		d.parts.Wait()
	})
}

// collections is how often garbage was collected because somebody wanted it.
func collections() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumForcedGC
}
