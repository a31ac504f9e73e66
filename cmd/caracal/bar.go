package main

import (
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

// A bar shows progress on a terminal; elsewhere it shows nothing.
type bar struct {
	c    *command
	all  *mpb.Progress
	one  *mpb.Bar
	text atomic.Value // string; read by a goroutine of mpb
}

func newBar(c *command) *bar {
	b := &bar{c: c}
	b.text.Store("")
	return b
}

// begin shows the bar, if there is a terminal.
func (b *bar) begin(total int64) {
	if b.one != nil || b.c.json || b.c.quiet || !isTerminal(b.c.err) || total == 0 {
		return
	}
	b.text.Store("")
	b.all = mpb.New(mpb.WithOutput(b.c.err), mpb.WithWidth(40))
	b.one = b.all.New(total, mpb.BarStyle().Lbound(" ").Filler("█").Tip("▌").Padding(" ").Rbound(" "),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.NewPercentage("% 4d")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.text.Load().(string) })),
	)
}

// set moves the bar; it reports false when there is none.
func (b *bar) set(t *client.Transfer) bool {
	if b.one == nil {
		return false
	}
	left := "?"
	if t.Rate > 0 {
		left = span(float64(t.Total-t.Bytes) / t.Rate)
	}
	name := []rune(client.Printable(t.File))
	name = name[max(0, len(name)-24):]
	b.text.Store(share.Size(t.Bytes) + "/" + share.Size(t.Total) + "   " + share.Size(int64(t.Rate)) + "/s   " + left + "   " + string(name))
	b.one.SetCurrent(min(t.Bytes, t.Total))
	return true
}

// note shows a text beside the bar; it reports false when there is none.
func (b *bar) note(text string) bool {
	if b.one != nil {
		b.text.Store(text)
	}
	return b.one != nil
}

// end takes the bar away.
func (b *bar) end() {
	if b.one == nil {
		return
	}
	b.one.Abort(true)
	b.all.Wait()
	b.one = nil
}
