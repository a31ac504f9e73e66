package share

import "sync"

// receipts are what the receiver still owes the sender: one GOT for every file,
// in order, then DONE (spec F4.4).
type receipts struct {
	mu    sync.Mutex
	queue []receipt
	total *Hash // what DONE must say, once all was sent
}

// expect adds what the next GOT but those before it must say.
func (r *receipts) expect(g receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, g)
}

// close tells what DONE must say.
func (r *receipts) close(total Hash) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total = &total
}

var errOtherContent = &VerifyError{"the receiver has other content than was sent"}

// got takes one GOT.
func (r *receipts) got(g receipt) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return protocolError("receipt for nothing")
	}
	want := r.queue[0]
	r.queue = r.queue[1:]
	if want != g {
		return errOtherContent
	}
	return nil
}

// finished takes DONE.
func (r *receipts) finished(total Hash) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.total == nil || len(r.queue) > 0 {
		return protocolError("done too early")
	}
	if *r.total != total {
		return errOtherContent
	}
	return nil
}

// follow reads what the receiver says while content goes out. It closes the
// pipe when that goes wrong, so that content stops.
func (s *sender) follow() error {
	err := s.followed()
	if err != nil {
		s.p.close()
	}
	return err
}

func (s *sender) followed() error {
	for {
		f, err := s.p.next()
		if err != nil {
			return err
		}
		switch f.kind {
		case kGot:
			g, err := parseReceipt(f.body)
			if err == nil {
				err = s.owed.got(g)
			}
			if err != nil {
				return err
			}
		case kDone:
			total, err := parseHash(f.body)
			if err == nil {
				err = s.owed.finished(total)
			}
			if err == nil {
				s.tell(func(e *Event) { e.Kind, e.Hash = Finished, total.String() })
			}
			return err
		case kWait:
		default:
			return protocolError("receipt expected")
		}
	}
}
