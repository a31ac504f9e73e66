package host

import (
	"errors"

	"github.com/caracal-mesh/caracal/internal/udp"
)

// What keeps a node from starting.
var (
	// ErrPortInUse: another program has the UDP port to listen on.
	ErrPortInUse = udp.ErrPortInUse
	// ErrConfig: the configuration makes no sense.
	ErrConfig = errors.New("bad configuration")
	// ErrHomeInUse: another node runs with this home.
	ErrHomeInUse = errors.New("another node is running with this home")
	// ErrHomeOwner: the home belongs to another user.
	ErrHomeOwner = errors.New("home belongs to another user")
	// ErrKeyPermissions: others can read the key, or write where it is.
	ErrKeyPermissions = errors.New("key is not private")
	// ErrCorruptKey: the key file cannot be understood. It is never overwritten.
	ErrCorruptKey = errors.New("key file is damaged")
	// ErrCorruptContacts: the contacts file cannot be understood. It is never overwritten.
	ErrCorruptContacts = errors.New("contacts file is damaged")
)

// What keeps a call from succeeding.
var (
	// ErrAddress: the text is no address on the mesh.
	ErrAddress = errors.New("caracal address is not SID:port or SID/service")
	// ErrLoop: a trace came to a node for the second time.
	ErrLoop = errors.New("trace goes in a circle")
)
