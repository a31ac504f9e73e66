package share

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestSilentPeerIsGivenUp(t *testing.T) { // spec F1.3
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := newPipe(ours)
		defer p.close()
		go func() { // hears us and says nothing
			for buf := make([]byte, 100); ; {
				if _, err := theirs.Read(buf); err != nil {
					return
				}
			}
		}()
		begun := time.Now()
		if _, err := p.next(); !errors.Is(err, errSilent) {
			t.Errorf("next: %v", err)
		}
		if took := time.Since(begun); took != patience {
			t.Errorf("gave up after %v", took)
		}
	})
}

func TestKeepKeepsAnIdleStream(t *testing.T) { // spec F1.3
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p, q := newPipe(ours), newPipe(theirs)
		defer p.close()
		defer q.close()
		time.Sleep(time.Hour)
		go p.tell(kWait, appendText(nil, "still here"))
		if f, err := q.next(); err != nil || f.kind != kWait {
			t.Errorf("after an hour: %v, %v", f.kind, err)
		}
	})
}

func TestBlockedWriteIsGivenUp(t *testing.T) { // spec F1.3
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		p := newPipe(ours)
		defer p.close()
		begun := time.Now()
		err := p.tell(kWait, appendText(nil, "anybody?"))
		if took := time.Since(begun); err == nil || took > 2*patience {
			t.Errorf("write: %v after %v", err, took)
		}
	})
}

func TestLongFramesAndUnknownKindsEndTheStream(t *testing.T) { // spec F1.2
	for _, head := range [][]byte{{byte(kData), 0, 1, 0, 65}, {byte(kWait), 255, 255, 255, 255}, {0, 0, 0, 0, 0}, {byte(kLast) + 1, 0, 0, 0, 0}, {byte(kKeep), 0, 0, 0, 1}} {
		ours, theirs := net.Pipe()
		p := newPipe(ours)
		go theirs.Write(append(head, 1, 2, 3))
		if _, err := p.next(); err == nil || errors.Is(err, errSilent) {
			t.Errorf("% x: %v", head, err)
		}
		p.close()
		theirs.Close()
	}
}
