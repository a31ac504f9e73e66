package share

import (
	"encoding/base32"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// A State says where a received transfer stands.
type State string

// The states of a received transfer.
const (
	StateWaiting     State = "waiting"     // a person must decide
	StateAccepted    State = "accepted"    // a person did; the sender has not come back yet
	StateReceiving   State = "receiving"   // content comes in
	StateInterrupted State = "interrupted" // the sender was lost; it can go on
	StateDone        State = "done"
	StateFailed      State = "failed"
	StateRejected    State = "rejected"
)

// live reports whether the transfer is not over.
func (s State) live() bool { return s == StateWaiting || s == StateAccepted || s == StateReceiving }

// An Item is one transfer offered to us.
type Item struct {
	ID    string    `json:"id"`   // short, for people
	From  string    `json:"from"` // SID in hex
	What  string    `json:"what"` // not escaped
	Files int       `json:"files"`
	Size  int64     `json:"size"` // bytes
	Since time.Time `json:"since"`
	State State     `json:"state"`
	Path  string    `json:"path,omitempty"` // where it is, once done
	Text  string    `json:"text,omitempty"` // why it failed
	Key   string    `json:"key"`            // transfer id in hex
}

// Bounds of the inbox (spec F3.3).
const (
	maxItems          = 1000
	maxWaiting        = 64
	maxWaitingPerPeer = 8
)

// An inbox remembers what was offered to us. It is kept in one file, rewritten when
// a state changes.
type inbox struct {
	mu    sync.Mutex
	file  string
	items []*Item                // oldest first
	asked map[*Item]chan verdict // offers whose sender waits
	told  func(Item)             // of changes; may be nil

	cancelled map[string]time.Time // what a person cancelled lately, by sender and transfer id: when
}

// A verdict is a person's decision.
type verdict bool

// openInbox reads the inbox kept in dir, or starts an empty one.
func openInbox(dir string) (*inbox, error) {
	b := &inbox{file: filepath.Join(dir, "inbox.json"), asked: map[*Item]chan verdict{}, cancelled: map[string]time.Time{}}
	data, err := os.ReadFile(b.file)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &b.items); err != nil {
		return nil, &SourceError{b.file, errors.New("not readable as an inbox; move it away to start an empty one")}
	}
	for _, it := range b.items {
		if it.State == StateReceiving {
			it.State = StateInterrupted
		}
	}
	return b, nil
}

// cancel notes that a person cancelled a transfer that came in.
func (b *inbox) cancel(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, at := range b.cancelled {
		if time.Since(at) > cancelHolds {
			delete(b.cancelled, key)
		}
	}
	b.cancelled[key] = time.Now()
}

// cancelledNow reports whether a person cancelled the transfer so lately that its sender may not know (spec F5.7).
func (b *inbox) cancelledNow(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, is := b.cancelled[key]
	return is && time.Since(at) <= cancelHolds
}

// save writes the inbox: to a new file first, so that a crash leaves one of the two.
func (b *inbox) save() {
	data, err := json.MarshalIndent(b.items, "", " ")
	if err != nil {
		panic("BUG: inbox cannot be written as JSON: " + err.Error())
	}
	_ = writeWhole(b.file, data) // the inbox in memory goes on; a full disk is told by the transfer itself
}

// list is a copy of all items, oldest first.
func (b *inbox) list() []Item {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Item, len(b.items))
	for i, it := range b.items {
		out[i] = *it
	}
	return out
}

// find is the item of an offer, nil when it is new.
func (b *inbox) find(from sid.SID, id Hash) *Item {
	f, k := from.String(), id.String()
	for _, it := range b.items {
		if it.From == f && it.Key == k {
			return it
		}
	}
	return nil
}

// known is the state of an offer seen before, "" otherwise.
func (b *inbox) known(from sid.SID, id Hash) State {
	b.mu.Lock()
	defer b.mu.Unlock()
	if it := b.find(from, id); it != nil {
		return it.State
	}
	return ""
}

// enter puts an offer into the inbox, or takes up the one that is there, in the given state.
// It returns nil when too many are waiting (spec F3.3).
func (b *inbox) enter(from sid.SID, o *offer, state State) *Item {
	b.mu.Lock()
	defer b.mu.Unlock()
	it := b.find(from, o.id)
	if it == nil {
		if state == StateWaiting && !b.mayWait(from) {
			return nil
		}
		it = &Item{ID: b.shortID(o.id), From: from.String(), Key: o.id.String(), What: title(o.names, int(o.files))}
		b.items = append(b.items, it)
		b.trim()
	}
	it.Files, it.Size, it.Since = int(o.files), int64(o.bytes), time.Now().UTC()
	it.State, it.Text, it.Path = state, "", ""
	b.changed(it)
	return it
}

// set changes an item's state.
func (b *inbox) set(it *Item, change func(*Item)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(it)
	b.changed(it)
}

// changed keeps and tells what became of an item.
func (b *inbox) changed(it *Item) {
	b.save()
	if b.told != nil {
		b.told(*it)
	}
}

// ask returns where the decision about a waiting item will come. The stop function
// must be called when nobody waits any more.
func (b *inbox) ask(it *Item) (decided <-chan verdict, stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan verdict, 1)
	if it.State != StateWaiting { // decided since it was entered
		c <- verdict(it.State == StateAccepted)
	}
	b.asked[it] = c
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.asked[it] == c {
			delete(b.asked, it)
		}
	}
}

// decide is a person's word about the item with the given short id.
func (b *inbox) decide(id string, accept bool) (Item, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	it := b.named(id)
	if it == nil {
		return Item{}, ErrUnknownItem
	}
	if it.State != StateWaiting {
		return *it, ErrDecided
	}
	it.State = StateRejected
	if accept {
		it.State = StateAccepted
	}
	b.changed(it)
	if c := b.asked[it]; c != nil {
		c <- verdict(accept) // it waits, so c is empty
	}
	return *it, nil
}

func (b *inbox) mayWait(from sid.SID) bool {
	all, theirs := 0, 0
	for _, it := range b.items {
		if it.State == StateWaiting {
			all++
			if it.From == from.String() {
				theirs++
			}
		}
	}
	return all < maxWaiting && theirs < maxWaitingPerPeer
}

// trim forgets the oldest finished items beyond the bound.
func (b *inbox) trim() {
	for i := 0; len(b.items) > maxItems && i < len(b.items); {
		if b.items[i].State.live() {
			i++
			continue
		}
		b.items = append(b.items[:i], b.items[i+1:]...)
	}
}

var idText = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// shortID is a name for people, free in this inbox: three letters out of the transfer id, or
// four if all of these are taken.
func (b *inbox) shortID(id Hash) string {
	text := shortID(id)
	for n := 3; ; n++ {
		for at := range len(text) - n {
			if short := text[at : at+n]; !b.taken(short) {
				return short
			}
		}
	}
}

// shortID is a transfer id as people type it: a prefix of this.
func shortID(id Hash) string { return strings.ToLower(idText.EncodeToString(id[:])) }

// taken reports whether the name could be mistaken for another.
func (b *inbox) taken(short string) bool {
	for _, it := range b.items {
		if strings.HasPrefix(it.ID, short) || strings.HasPrefix(short, it.ID) {
			return true
		}
	}
	return false
}

// named is the item that a person means: by its name, or by the beginning of one name only;
// those that wait count first.
func (b *inbox) named(id string) *Item {
	id = strings.ToLower(id)
	var found, waiting []*Item
	for _, it := range b.items {
		switch {
		case it.ID == id:
			return it
		case id == "" || !strings.HasPrefix(it.ID, id):
			continue
		case it.State == StateWaiting:
			waiting = append(waiting, it)
		}
		found = append(found, it)
	}
	if len(waiting) == 1 {
		return waiting[0]
	}
	if len(found) == 1 {
		return found[0]
	}
	return nil
}
