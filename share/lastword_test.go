package share

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errTakesNoMore = errors.New("the peer takes no more")

// A deaf connection delivers what the peer says, and refuses what is said to it once it is told to.
type deaf struct {
	net.Conn
	now atomic.Bool
}

func (c *deaf) Write(b []byte) (int, error) {
	if c.now.Load() {
		return 0, errTakesNoMore
	}
	return c.Conn.Write(b)
}

// A peer that takes no more has a moment to say why, whether it is in the list or in the content that the sender notices.
func TestWhyAPeerTakesNoMoreIsHeard(t *testing.T) { // spec F1.3
	for _, when := range []kind{kAccept, kHad} {
		for _, after := range []time.Duration{0, lingerFor - time.Second, lingerFor + time.Second} {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "a")
				if err := os.WriteFile(path, make([]byte, mb), 0o600); err != nil {
					t.Fatal(err)
				}
				src, err := scan(t.Context(), []string{path})
				if err != nil {
					t.Fatal(err)
				}
				defer src.close()
				ours, theirs := net.Pipe()
				conn := &deaf{Conn: ours}
				q := newPipe(theirs)
				defer q.close()
				said := make(chan struct{})
				go func() {
					defer close(said)
					q.next() // OFFER
					for _, k := range []kind{kAccept, kHad} {
						conn.now.Store(k == when)
						q.tell(k, appendText(nil, "")[:map[kind]int{kAccept: 1}[k]])
						for f := (frame{}); k != when && f.kind != kListed; {
							f, _ = q.next()
						}
						if k == when {
							break
						}
					}
					time.Sleep(after)
					q.tell(kFail, coded{FailDiskFull, "full"}.append(nil))
				}()
				begun := time.Now()
				err = newSender(newPipe(conn), src, &control{}, func(change func(*Event)) { change(new(Event)) }).run(t.Context())
				var told *PeerError
				if heard := errors.As(err, &told) && told.Code == FailDiskFull; heard != (after < lingerFor) {
					t.Errorf("deaf at %v, a word after %v: %v", when, after, err)
				}
				if took := time.Since(begun); took != min(after, lingerFor) {
					t.Errorf("deaf at %v, a word after %v: over after %v", when, after, took)
				}
				<-said
			})
		}
	}
}

func TestALastWordWaitsForThePeerToClose(t *testing.T) { // spec F1.3
	for _, closes := range []time.Duration{time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			p, q := newPipe(ours), newPipe(theirs)
			defer q.close()
			over := make(chan struct{})
			go func() {
				defer close(over)
				for end := time.Now().Add(min(closes, lingerFor)); time.Now().Before(end); time.Sleep(time.Second / 4) {
					q.tell(kWait, appendText(nil, "what was on its way already"))
				}
				if time.Sleep(time.Millisecond); closes < lingerFor {
					q.close()
				}
			}()
			begun := time.Now()
			p.linger()
			if took := time.Since(begun).Truncate(10 * time.Millisecond); took != min(closes, lingerFor) {
				t.Errorf("it closes after %v: over after %v", closes, took)
			}
			p.close()
			<-over
		})
	}
}

func TestACancelledTransferIsAskedAboutForAWhile(t *testing.T) { // spec F5.7
	synctest.Test(t, func(t *testing.T) {
		b := &inbox{cancelled: map[string]time.Time{}}
		b.cancel("one")
		if time.Sleep(cancelHolds); !b.cancelledNow("one") || b.cancelledNow("another") {
			t.Error("not asked about, or another one is")
		}
		if time.Sleep(time.Nanosecond); b.cancelledNow("one") {
			t.Error("asked about for ever")
		}
		b.cancel("another")
		if len(b.cancelled) != 1 {
			t.Errorf("%d are kept", len(b.cancelled))
		}
	})
}
