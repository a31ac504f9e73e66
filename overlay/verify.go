package overlay

import "github.com/caracal-mesh/caracal/sid"

// A Verify reports whether sig is a signature of msg in the context by the
// identity behind s, as sid.SID.Verify does. A simulator, in which a thousand
// nodes check the same link states, gives one that remembers.
type Verify func(s sid.SID, context string, msg, sig []byte) bool

func (m *Mesh) verify(s sid.SID, context string, msg, sig []byte) bool {
	if m.cfg.Verify != nil {
		return m.cfg.Verify(s, context, msg, sig)
	}
	return s.Verify(context, msg, sig)
}
