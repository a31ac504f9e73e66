package session

import "time"

// limits are the bounds of a session's life (spec S4). Tests make them small.
type limits struct {
	rekeyInitiator time.Duration // age at which the initiator makes a new one
	rekeyResponder time.Duration // age at which the responder does, if the initiator has not
	sealFor        time.Duration // age from which it no longer seals
	openFor        time.Duration // age from which it no longer opens
	openAfterNext  time.Duration // how long it opens after a packet opened under a newer one
	rekeyPackets   uint64        // packets sealed after which the sealing side makes a new one
	maxPackets     uint64        // packets that it seals at most
}

var defaultLimits = limits{
	rekeyInitiator: 120 * time.Second,
	rekeyResponder: 150 * time.Second,
	sealFor:        180 * time.Second,
	openFor:        210 * time.Second,
	openAfterNext:  10 * time.Second,
	rekeyPackets:   1 << 26,
	maxPackets:     1 << 28,
}

// The timing of handshakes (spec S2.6, S2.7, S4.3).
const (
	firstRetry   = 250 * time.Millisecond
	slowRetry    = 2 * time.Second // the first one, on a link that is slow
	longestRetry = 4 * time.Second
	giveUpAfter  = 20 * time.Second
	contendFor   = time.Second      // how long our own handshake outranks the remote's
	usedWithin   = 60 * time.Second // a session not used for longer is not rekeyed
	rekeyRetry   = 10 * time.Second // pause after a rekeying that came to nothing
	suspectPause = 5 * time.Second  // between handshakes begun on suspicion

	answerPause = 200 * time.Millisecond // between answers to copies of one handshake (spec S2.9)
	doubtPause  = 250 * time.Millisecond // between answers to handshakes that may be replays (spec S2.8)
	doubtFor    = 30 * time.Second       // how long a session made of one waits for its confirmation
)

// Bounds of memory (spec S5).
const (
	maxSessions = 4      // of one peer, the current one among them
	maxDoubtful = 4      // of one peer besides, made of handshakes that may be replays
	maxStamps   = 16_384 // remotes whose last stamp is remembered
	maxHalfOpen = 512    // peers of whom nothing is proven yet

	maxHandshakes = 1_000_000 // of Config.Handshakes
	maxAAD        = 256       // bytes authenticated besides, with extra
)
