package host

import (
	"errors"
	"testing"

	"github.com/caracal-mesh/caracal/msp"
)

// A service that answers and closes at once may be heard before the acknowledgement of our opening.
func TestDialEndsWhenThePeerHasTakenTheStream(t *testing.T) {
	ours, theirs := &msp.ResetError{Code: 7}, &msp.ResetError{Remote: true}
	for _, c := range []struct {
		known     bool
		err, want error
	}{
		{false, nil, msp.ErrWouldBlock},
		{true, nil, nil},
		{false, theirs, nil},
		{true, theirs, nil},
		{false, ours, ours},
		{false, msp.ErrNoService, msp.ErrNoService},
		{true, msp.ErrNoService, msp.ErrNoService},
		{false, msp.ErrPeerRestarted, msp.ErrPeerRestarted},
		{false, msp.ErrTimeout, msp.ErrTimeout},
	} {
		if got := taken(c.known, c.err); !errors.Is(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("known %v, %v: %v, want %v", c.known, c.err, got, c.want)
		}
	}
}
