package main

import (
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/node"
)

// A node keeps to an eighth of the machine's memory, within these bounds in bytes, unless GOMEMLIMIT says otherwise.
const leastMemory, mostMemory = 48 << 20, 1 << 30

// limitMemory tells the runtime how much memory it should stay below.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if all := host.Memory(); all != math.MaxUint64 {
		debug.SetMemoryLimit(int64(min(max(all/8, leastMemory), mostMemory)))
	}
}

// attend tells systemd, if it started us, that the node is ready, that it is alive, and when it ends; and has the
// configuration read again on SIGHUP. It returns at once.
func (u *upRun) attend(d *daemon) {
	_, _ = sd.SdNotify(false, sd.SdNotifyReady)
	hup := make(chan os.Signal, 1)
	notifyHangup(hup)
	every, err := sd.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		every = 24 * time.Hour
	}
	d.parts.Go(func() { // the node does not end before systemd was told
		defer signal.Stop(hup)
		alive := time.NewTicker(every / 3)
		defer alive.Stop()
		for {
			select {
			case <-d.ctx.Done():
				_, _ = sd.SdNotify(false, sd.SdNotifyStopping)
				return
			case <-hup:
				if doc, err := u.settings.Reload(); err != nil {
					u.log.Error("the configuration was not read again", "error", err)
				} else {
					u.log.Info("configuration read again", "applied", doc.Applied, "restart", doc.Restart)
				}
			case <-alive.C:
				d.host.Do(func(time.Time, *node.Node) {}) // hangs when the node does
				_, _ = sd.SdNotify(false, sd.SdNotifyWatchdog)
			}
		}
	})
}
