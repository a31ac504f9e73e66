package host

import (
	"testing"
	"time"
)

func TestClockLeapsAfterASuspend(t *testing.T) { // spec L4.1
	suspended := 5 * time.Hour // before the node started: not its business
	c := newClock(func() time.Duration { return suspended })
	begin := c.now()
	if off := time.Until(begin).Abs(); off > time.Second {
		t.Errorf("starts %v off the wall clock", off)
	}
	suspended += leastSleep / 2 // the error of two clocks read one after the other
	c.looked -= lookEvery
	if d := c.now().Sub(begin); d > leastSleep/2 {
		t.Errorf("leapt by %v without a suspend", d)
	}
	suspended += time.Hour
	if d := c.now().Sub(begin); d > time.Minute {
		t.Errorf("looked again at once: %v", d)
	}
	c.looked -= lookEvery
	woken := c.now()
	if d := woken.Sub(begin); d < time.Hour || d > time.Hour+time.Minute {
		t.Errorf("%v have passed, want an hour", d)
	}
	suspended -= time.Hour
	c.looked -= lookEvery
	if c.now().Before(woken) {
		t.Error("the clock went back")
	}
}

func TestAsleepStandsStillWhileAwake(t *testing.T) {
	before := asleep()
	time.Sleep(5 * time.Millisecond)
	if d := (asleep() - before).Abs(); d >= leastSleep/10 {
		t.Errorf("asleep for %v within 5 ms", d)
	}
}
