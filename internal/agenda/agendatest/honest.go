// Package agendatest holds the one property that every machine on every floor
// must have (house law 3): the function that works says when, and means it.
package agendatest

import (
	"fmt"
	"testing"
	"time"
)

// A Machine is anything with a Processing function, wrapped for the test.
type Machine struct {
	// Processing is the machine's own, its other arguments filled in. It must take
	// all there is: give it a batch that is emptied at every call.
	Processing func(now time.Time) (next time.Time)
	// Output counts what the machine has given out so far, by any way: datagrams,
	// deliveries, events. Best is a sum that changes with the bytes too.
	Output func() int
}

// A Step is an input, given After the one before (or after start). A nil Do is
// only a passing of time.
type Step struct {
	After time.Duration
	Do    func(now time.Time)
}

// Honest drives the machine through the steps, from start, calling it at every
// deadline that it names on the way, and fails the test unless:
//
//   - at one instant it settles: it stops asking to be called again at once;
//   - calling again at the same instant does nothing and names the same time;
//   - calling before the named time does nothing and names the same time;
//   - after "never" there is no output without input;
//   - no deadline lies in the past.
//
// End with a Step of time alone so that the last deadlines come to pass.
func Honest(t testing.TB, m Machine, start time.Time, steps ...Step) {
	t.Helper()
	if err := check(m, start, steps); err != nil {
		t.Fatal(err)
	}
}

// maxCalls is the most calls at one instant before a machine counts as spinning.
const maxCalls = 10_000

// A driver is one machine being driven.
type driver struct {
	Machine
	start, now time.Time
}

func check(m Machine, start time.Time, steps []Step) error {
	d := &driver{Machine: m, start: start, now: start}
	for i, step := range steps {
		err := d.advance(d.now.Add(step.After))
		if err == nil && step.Do != nil {
			step.Do(d.now)
			_, err = d.settle()
		}
		if err != nil {
			return fmt.Errorf("step %d, %v after start: %w", i, d.now.Sub(d.start), err)
		}
	}
	return nil
}

// advance goes from deadline to deadline until the given time.
func (d *driver) advance(to time.Time) error {
	for {
		next, err := d.settle()
		if err != nil {
			return err
		}
		last := next.IsZero() || next.After(to)
		stop := next
		if last {
			stop = to
		}
		for _, early := range []time.Time{d.now.Add(stop.Sub(d.now) / 2), stop.Add(-1)} {
			if err := d.idle(early, next, "called before next"); err != nil {
				return err
			}
		}
		if last {
			err := d.idle(to, next, "called before next")
			d.now = to
			return err
		}
		d.now = next
	}
}

// settle calls until the machine no longer asks to be called at once.
func (d *driver) settle() (next time.Time, err error) {
	for range maxCalls {
		next = d.Processing(d.now)
		if !next.IsZero() && next.Before(d.now) {
			return next, fmt.Errorf("next lies %v in the past", d.now.Sub(next))
		}
		if !next.Equal(d.now) {
			return next, d.idle(d.now, next, "called again at the same instant")
		}
	}
	return next, fmt.Errorf("asked to be called at once %d times in a row", maxCalls)
}

// idle calls at an instant at which nothing is due, and demands that nothing happens.
func (d *driver) idle(at, next time.Time, when string) error {
	if at.Before(d.now) || (at.Equal(next) && !next.IsZero()) {
		return nil
	}
	before := d.Output()
	again := d.Processing(at)
	if next.IsZero() && at.After(d.now) {
		when = "called after never"
	}
	if after := d.Output(); after != before {
		return fmt.Errorf("%s (%v after start): output went from %d to %d", when, at.Sub(d.start), before, after)
	}
	if !again.Equal(next) {
		return fmt.Errorf("%s (%v after start): next went from %s to %s", when, at.Sub(d.start), d.name(next), d.name(again))
	}
	return nil
}

func (d *driver) name(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Sub(d.start).String()
}
