package client

import (
	"encoding/json"
	"math"
	"net/http"
	"time"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/share"
)

// The schemas of the documents. Fields are only added within a version.
const (
	SchemaStatus     = "caracal.status/1"
	SchemaID         = "caracal.id/1"
	SchemaIdentities = "caracal.identities/1"
	SchemaKeyFile    = "caracal.keyfile/1"
	SchemaPeers      = "caracal.peers/1"
	SchemaRoutes     = "caracal.routes/1"
	SchemaName       = "caracal.name/1"
	SchemaContact    = "caracal.contact/1"
	SchemaContacts   = "caracal.contacts/1"
	SchemaPing       = "caracal.ping/1"
	SchemaTrace      = "caracal.trace/1"
	SchemaTransfer   = "caracal.transfer/1"
	SchemaInbox      = "caracal.inbox/1"
	SchemaShare      = "caracal.share/1"
	SchemaShares     = "caracal.shares/1"
	SchemaTransfers  = "caracal.transfers/1"
	SchemaPairing    = "caracal.pair/1"
	SchemaServices   = "caracal.services/1"
	SchemaStreams    = "caracal.streams/1"
	SchemaPipe       = "caracal.pipe/1"
	SchemaForward    = "caracal.forward/1"
	SchemaExpose     = "caracal.expose/1"
	SchemaSocks      = "caracal.socks/1"
	SchemaMetrics    = "caracal.metrics/1"
	SchemaBundle     = "caracal.bundle/1"
	SchemaCapture    = "caracal.capture/1"
	SchemaWeb        = "caracal.web/1"
	SchemaVersion    = "caracal.version/1"
	SchemaDone       = "caracal.done/1"
	SchemaError      = "caracal.error/1"
)

// Schemas says which verbs give which documents.
var Schemas = [][2]string{
	{SchemaStatus, "status, up"},
	{SchemaID, "id"},
	{SchemaIdentities, "id new, list, lock, unlock, import, passphrase"},
	{SchemaKeyFile, "id export"},
	{SchemaPeers, "peers"},
	{SchemaRoutes, "routes"},
	{SchemaName, "name, forget"},
	{SchemaContact, "trust PEER, block PEER"},
	{SchemaContacts, "trust, block"},
	{SchemaPairing, "invite, join, a line for each event: code, found, words, done"},
	{SchemaPing, "ping, a line for each event: reply, lost, summary"},
	{SchemaTrace, "trace"},
	{SchemaMTR, "trace --mtr, a line for each event: round, summary"},
	{SchemaWhy, "why"},
	{SchemaFind, "find, register"},
	{SchemaPunch, "punch, a line for each event: step, result"},
	{SchemaDoctor, "doctor"},
	{SchemaConfig, "config show"},
	{SchemaReload, "config reload"},
	{SchemaTransfer, "send, get, a line for each event: offer, warning, waiting, accepted, resuming, progress, paused, retrying, done"},
	{SchemaTransfers, "transfers; of transfers pause, resume, cancel one transfer"},
	{SchemaShare, "share, unshare"},
	{SchemaShares, "ls"},
	{SchemaInbox, "inbox"},
	{SchemaMetrics, "metrics"},
	{SchemaBundle, "debug bundle"},
	{SchemaCapture, "capture, when it ends; on stderr with -o -"},
	{SchemaWeb, "web, its address"},
	{SchemaTopology, "what caracal web draws"},
	{SchemaWatch, "watch, a line for each event"},
	{SchemaServices, "services"},
	{SchemaStreams, "streams; with -w a line each second"},
	{SchemaPipe, "pipe, on stderr, a line for each event: listening, open, closed"},
	{SchemaForward, "forward, a line for each event: listening, open, closed, failed"},
	{SchemaExpose, "expose, a line for each event: listening, open, closed, failed, denied"},
	{SchemaSocks, "socks, a line for each event: listening, open, closed, failed"},
	{"caracal.sim/1", "sim run, sim view"},
	{"caracal.sim-check/1", "sim check"},
	{"caracal.sim.recording/1", "sim run --record"},
	{SchemaVersion, "version"},
	{SchemaDone, "verbs that only change something and have no other: down, config set, network new, service install and the like"},
}

// A Status is a look at the whole node.
type Status struct {
	Schema string    `json:"schema"`
	Time   time.Time `json:"time"`
	Self   Self      `json:"self"`

	Links     []host.LinkStatus    `json:"links"`
	Peers     []host.PeerStatus    `json:"peers"`
	Sessions  []host.SessionStatus `json:"sessions"`
	Transfers []Transfer           `json:"transfers"` // going out
	Receiving []Item               `json:"receiving"` // coming in
	Waiting   int                  `json:"waiting"`   // offers in the inbox that wait
	Notes     []string             `json:"notes"`

	Counters map[string]map[string]uint64 `json:"counters"` // by floor: udp, overlay, mdp, msp, api
}

// Self is our own node in a Status.
type Self struct {
	SID      string   `json:"sid"`
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Uptime   float64  `json:"uptime_s"`
	PID      int      `json:"pid"`
	Listen   string   `json:"listen"`
	Port     uint16   `json:"port"`
	Home     string   `json:"home"`
	Files    string   `json:"files"`
	Accept   string   `json:"accept"`
	Network  string   `json:"network"`         // "open" or "private"
	NAT      string   `json:"nat"`             // none, easy, hard, blocked, unknown; "" = nothing beyond the LAN is spoken to
	NATWords string   `json:"nat_words"`       // the same in a line
	Reach    string   `json:"reach,omitempty"` // no-link, captive, ok; none: nobody outside is configured or met
	Outer    []string `json:"outer"`           // addresses at which others see this node
}

// An ID is our own identity.
type ID struct {
	Schema string `json:"schema"`
	SID    string `json:"sid"`
	Base32 string `json:"base32"`
	Name   string `json:"name"`
}

// Peers are the other members of the mesh.
type Peers struct {
	Schema  string            `json:"schema"`
	Network string            `json:"network"` // "open" or "private"
	Peers   []host.PeerStatus `json:"peers"`
}

// Routes are the ways to them.
type Routes struct {
	Schema string  `json:"schema"`
	Routes []Route `json:"routes"`
}

// A Route is the way to one member.
type Route struct {
	SID      string  `json:"sid"`
	Name     string  `json:"name"`
	Via      string  `json:"via"` // SID of the first hop; the member itself when direct
	ViaName  string  `json:"via_name"`
	Link     string  `json:"link"`
	Addr     string  `json:"addr"`
	Hops     int     `json:"hops"`
	Distance uint32  `json:"distance"`
	RTT      float64 `json:"rtt_ms"` // of the first link
	Loss     float64 `json:"loss"`   // likewise, 0…1
}

// A Name is a petname given or taken away.
type Name struct {
	Schema string `json:"schema"`
	SID    string `json:"sid"`
	Name   string `json:"name"` // "" = none any more
}

// A Ping is one line of a ping: event "start", "reply", "lost" or "summary".
type Ping struct {
	Schema   string  `json:"schema"`
	Event    string  `json:"event"`
	SID      string  `json:"sid"`
	Name     string  `json:"name,omitempty"`
	Seq      int     `json:"seq,omitempty"`
	RTT      float64 `json:"rtt_ms,omitempty"`
	Hops     int     `json:"hops,omitempty"`
	Via      string  `json:"via,omitempty"` // SID of the first hop
	ViaName  string  `json:"via_name,omitempty"`
	Link     string  `json:"link,omitempty"`
	Reason   string  `json:"reason,omitempty"` // why it was lost
	Sent     int     `json:"sent,omitempty"`
	Received int     `json:"received,omitempty"`
	Loss     float64 `json:"loss,omitempty"` // 0…1
	Min      float64 `json:"min_ms,omitempty"`
	Avg      float64 `json:"avg_ms,omitempty"`
	Max      float64 `json:"max_ms,omitempty"`
}

// MarshalJSON writes all numbers of a summary, zeros too.
func (p Ping) MarshalJSON() ([]byte, error) {
	type plain Ping
	if p.Event != "summary" {
		return json.Marshal(plain(p))
	}
	return json.Marshal(struct {
		plain
		Sent     int     `json:"sent"`
		Received int     `json:"received"`
		Loss     float64 `json:"loss"`
	}{plain(p), p.Sent, p.Received, p.Loss})
}

// A Trace is the way to a peer, hop by hop.
type Trace struct {
	Schema   string `json:"schema"`
	SID      string `json:"sid"`
	Name     string `json:"name"`
	Complete bool   `json:"complete"` // the last hop is the peer
	Hops     []Hop  `json:"hops"`
	Reason   string `json:"reason,omitempty"` // why it is not complete

	Own *OwnWay `json:"own_way,omitempty"` // these are the hops of a way that this node chose for its own packets
}

// A Hop is one node of a Trace.
type Hop struct {
	SID     string  `json:"sid"`
	Name    string  `json:"name"`
	Link    string  `json:"link"`
	Kind    string  `json:"kind"`
	RTT     float64 `json:"rtt_ms"`      // from us; 0 = no answer
	LinkRTT float64 `json:"link_rtt_ms"` // of the link to it; 0 = not measured
	Loss    float64 `json:"loss"`        // of the link to it, 0…1
}

// A Transfer is one line about a transfer: an event of package share.
type Transfer struct {
	Schema     string  `json:"schema"`
	Event      string  `json:"event"`
	ID         string  `json:"id"`
	Peer       string  `json:"peer,omitempty"`
	PeerName   string  `json:"peer_name,omitempty"`
	What       string  `json:"what,omitempty"`
	Files      int     `json:"files"`
	Done       int     `json:"done"`
	Bytes      int64   `json:"bytes"`
	Total      int64   `json:"total"`
	Resumed    int64   `json:"resumed,omitempty"`
	There      int64   `json:"there,omitempty"`
	ThereFiles int     `json:"there_files,omitempty"`
	Rate       float64 `json:"rate"` // bytes per second
	Elapsed    float64 `json:"elapsed_s"`
	File       string  `json:"file,omitempty"`
	Text       string  `json:"text,omitempty"`
	Hash       string  `json:"hash,omitempty"`
	Patience   float64 `json:"patience_s,omitempty"` // of "retrying": how long it tries
	Path       string  `json:"path,omitempty"`       // of "done" of a get: where it is
}

// TransferOf is the line for an event.
func TransferOf(e share.Event) Transfer {
	return Transfer{
		Schema: SchemaTransfer, Event: string(e.Kind), ID: e.ID, What: e.What,
		Files: e.Files, Done: e.Done, Bytes: e.Bytes, Total: e.Total, Resumed: e.Resumed,
		There: e.There, ThereFiles: e.ThereFiles, Rate: math.Round(e.Rate), Elapsed: Round(e.Elapsed.Seconds(), 3),
		File: e.File, Text: e.Text, Hash: e.Hash, Patience: Round(e.Patience.Seconds(), 1), Path: e.Path,
	}
}

// Round rounds a number for a document to so many decimals.
func Round(x float64, decimals int) float64 {
	p := math.Pow10(decimals)
	return math.Round(x*p) / p
}

// An Inbox is what was offered to us, oldest first.
type Inbox struct {
	Schema string `json:"schema"`
	Items  []Item `json:"items"`
}

// An Item is one transfer offered to us.
type Item struct {
	ID       string    `json:"id"`
	From     string    `json:"from"`
	FromName string    `json:"from_name"`
	What     string    `json:"what"`
	Files    int       `json:"files"`
	Size     int64     `json:"size"`
	Since    time.Time `json:"since"`
	State    string    `json:"state"`
	Bytes    int64     `json:"bytes,omitempty"` // of one that is coming in: what is here
	Rate     float64   `json:"rate,omitempty"`  // likewise, bytes per second
	Path     string    `json:"path,omitempty"`
	Text     string    `json:"text,omitempty"`
}

// A Done tells in words what a verb has changed.
type Done struct {
	Schema string `json:"schema"`
	Text   string `json:"done"`
}

// A Version is the program's version.
type Version struct {
	Schema  string `json:"schema"`
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

// Exit codes of the command line, and codes of an Error.
const (
	Failed        = 1
	Usage         = 2
	NotRunning    = 3
	UnknownPeer   = 4
	NoReply       = 5
	Refused       = 6
	NotVerified   = 7
	Interrupted   = 8
	BadConfig     = 9
	FindingsMade  = 10
	StoppedByUser = 130
)

// An Error tells why something did not work: what happened, why if known, and
// what to do next. Names in it are escaped.
type Error struct {
	Schema string `json:"schema"`
	Event  string `json:"event"` // "error"
	Code   int    `json:"code"`  // as the command line exits
	Text   string `json:"error"` // one or two lines

	Reason string `json:"reason,omitempty"` // of some: one of the Reason constants
}

// What a program may want to tell apart.
const (
	ReasonService  = "service"  // the peer has no such service
	ReasonProtocol = "protocol" // it has, with another protocol
)

func (e *Error) Error() string { return e.Text }

// HTTPStatus is the status of an answer that tells an Error of this code.
func HTTPStatus(code int) int {
	switch code {
	case Usage:
		return http.StatusBadRequest
	case NotRunning:
		return http.StatusServiceUnavailable
	case UnknownPeer:
		return http.StatusNotFound
	case NoReply:
		return http.StatusGatewayTimeout
	case Refused:
		return http.StatusForbidden
	}
	return http.StatusInternalServerError
}

// Errorf makes an Error.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{Schema: SchemaError, Event: "error", Code: code, Text: sprintf(format, args...)}
}
