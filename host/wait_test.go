package host

import (
	"testing"
	"time"
)

func TestMovedDeadlineReachesThoseWhoWait(t *testing.T) {
	var d deadline
	waiting := d.wait()
	d.set(time.Now().Add(time.Hour))
	d.set(time.Now().Add(-time.Second))
	select {
	case <-waiting:
	default:
		t.Error("the deadline came, and who waited before it was set does not know")
	}
	d.set(time.Now().Add(time.Hour))
	if isClosed(d.wait()) {
		t.Error("a deadline moved into the future has come")
	}
	d.set(time.Now().Add(time.Millisecond))
	d.set(time.Time{})
	select {
	case <-d.wait():
		t.Error("a deadline taken back has come")
	case <-time.After(5 * time.Millisecond):
	}
}
