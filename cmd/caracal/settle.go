package main

import (
	"runtime/debug"
	"time"
)

// A node lets go of what only its start needed after settleAfter, when it has met who is there, and of what was needed
// since after every settleAgain: commands, transfers and their like.
const (
	settleAfter = time.Minute
	settleAgain = 10 * time.Minute
)

// settle gives memory back to the system again and again until d ends. It returns at once.
func (u *upRun) settle(d *daemon) {
	d.parts.Go(func() {
		due := time.NewTimer(settleAfter)
		defer due.Stop()
		for {
			select {
			case <-d.ctx.Done():
				return
			case <-due.C:
				debug.FreeOSMemory()
				if err := forgetFilePages(); err != nil {
					u.log.Debug("the pages of the program file stay mapped", "error", err)
				}
				due.Reset(settleAgain)
			}
		}
	})
}
