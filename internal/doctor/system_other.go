//go:build !linux

package doctor

import (
	"context"
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/lan"
)

// These systems do not tell in a way that we know.

func synchronised() (synced bool, off time.Duration, known bool) { return false, 0, false }

func owners(uint16) []string { return nil }

func (r *Report) firewall(context.Context) {}

func wayTo(netip.Addr) (iface string, ok bool) { return "", false }

func (r *Report) powerSave(context.Context, lan.Interface) {}
