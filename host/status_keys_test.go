package host

import (
	"testing"
	"time"
)

// What is told of a peer's keys is the weaker of its sessions, and without any the link's.
func TestKeysOfAPeerAreTheWeakest(t *testing.T) {
	peers := []PeerStatus{{SID: "a", Keys: PostQuantum}, {SID: "b", Keys: Classic}, {SID: "c"}, {SID: "d", Keys: PostQuantum}}
	tellKeys(peers, []SessionStatus{
		{Remote: "a", Keys: PostQuantum},
		{Remote: "a", Keys: Classic},
		{Remote: "a", Keys: PostQuantum},
		{Remote: "b", Keys: PostQuantum},
		{Remote: "d", Keys: ""},
	})
	for i, want := range []string{Classic, PostQuantum, "", PostQuantum} {
		if peers[i].Keys != want {
			t.Errorf("%s: %q, want %q", peers[i].SID, peers[i].Keys, want)
		}
	}
}

// Two hosts agree on keys that a quantum computer does not open, and say so.
func TestPostQuantumKeysShowInTheStatus(t *testing.T) { // spec S7
	t.Parallel()
	a, b := pair(t)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := a.Ping(t.Context(), b.Self()); err != nil {
			t.Fatal(err)
		}
		st := a.Status()
		if len(st.Peers) == 1 && st.Peers[0].Keys == PostQuantum && len(st.Sessions) == 1 && st.Sessions[0].Keys == PostQuantum {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%+v %+v", st.Peers, st.Sessions)
		}
	}
}
