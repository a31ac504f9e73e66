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
	// ErrLocked: the primary identity is sealed, and no passphrase was given.
	ErrLocked = errors.New("identity is locked")
	// ErrPassphrase: the passphrase does not open the identity.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrCorruptContacts: the contacts file cannot be understood. It is never overwritten.
	ErrCorruptContacts = errors.New("contacts file is damaged")
)

// What keeps a call from succeeding.
var (
	// ErrIdentityExists: the keyring has that identity already.
	ErrIdentityExists = errors.New("the keyring has that identity already")
	// ErrNoIdentity: the keyring has no such identity.
	ErrNoIdentity = errors.New("no such identity in the keyring")
	// ErrNotSealed: the identity has no passphrase, so locking it would protect nothing.
	ErrNotSealed = errors.New("identity has no passphrase")
	// ErrNoPassphrase: sealing needs a passphrase.
	ErrNoPassphrase = errors.New("a passphrase is needed")
	// ErrAddress: the text is no address on the mesh.
	ErrAddress = errors.New("caracal address is not SID:port or SID/service")
	// ErrLoop: a trace came to a node for the second time.
	ErrLoop = errors.New("trace goes in a circle")
)
