package host

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

func init() { machineMemory = func() uint64 { return 1 } } // quick passphrases

var secret = []byte("correct horse")

// ring is the keyring of a new home.
func ring(t *testing.T) (k *Keyring, dir string, closed func()) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "home")
	k, closed, err := OpenKeyring(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k, dir, closed
}

func TestKeyringKeepsOneFileForEachIdentity(t *testing.T) { // spec I6.5
	k, dir, closed := ring(t)
	defer closed()
	first, err := k.New("", nil)
	if err != nil || !first.Primary || first.Sealed {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := k.New("work", secret)
	if err != nil || second.Primary || !second.Sealed {
		t.Fatalf("%+v, %v", second, err)
	}
	third, err := k.Add(keyring.Entry{Identity: sid.FromSeed([32]byte{7})}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Add(keyring.Entry{Identity: sid.FromSeed([32]byte{7})}, nil); !errors.Is(err, ErrIdentityExists) {
		t.Errorf("the same again: %v", err)
	}
	keys, err := k.List()
	if err != nil || len(keys) != 3 || keys[0].SID != first.SID {
		t.Fatalf("%+v, %v", keys, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{
		keyFile: 0o600, identitiesDir: 0o700,
		filepath.Join(identitiesDir, second.SID.String()+keySuffix): 0o600,
		filepath.Join(identitiesDir, third.SID.String()+keySuffix):  0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

func TestSealedIdentityOpensWithItsPassphrase(t *testing.T) { // spec I6.4
	k, _, closed := ring(t)
	defer closed()
	key, err := k.New("work", secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		passphrase []byte
		want       error
	}{{nil, ErrLocked}, {[]byte("wrong"), ErrPassphrase}, {secret, nil}} {
		if e, err := k.Open(key.SID, c.passphrase); !errors.Is(err, c.want) || (err == nil && e.Label != "work") {
			t.Errorf("%q: %v %v, want %v", c.passphrase, e, err, c.want)
		}
	}
	if _, err := k.Open(sid.FromSeed([32]byte{1}).SID(), nil); !errors.Is(err, ErrNoIdentity) {
		t.Error(err)
	}
	if key, err = k.Reseal(key.SID, secret, nil); err != nil || key.Sealed || key.Label != "work" {
		t.Errorf("unsealed: %+v %v", key, err)
	}
	if _, err := k.Open(key.SID, nil); err != nil {
		t.Error(err)
	}
}

// What is exported is sealed, unless one insists; it can be imported elsewhere.
func TestExportedIdentitiesAreSealed(t *testing.T) {
	k, _, closed := ring(t)
	defer closed()
	plain, err := k.New("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Export(plain.SID, nil, false); !errors.Is(err, ErrNoPassphrase) {
		t.Errorf("without a passphrase: %v", err)
	}
	file, err := k.Export(plain.SID, secret, false)
	if f, e := keyring.Parse(file); err != nil || e != nil || !f.Sealed {
		t.Fatalf("%s: %v %v", file, err, e)
	}
	other, _, closedOther := ring(t)
	defer closedOther()
	if got, err := other.AddFile(file); err != nil || got.SID != plain.SID || !got.Sealed || !got.Primary {
		t.Errorf("imported: %+v %v", got, err)
	}
	if again, err := other.Export(plain.SID, nil, false); err != nil || !bytes.Equal(again, file) {
		t.Errorf("a sealed one is exported as it is: %s %v", again, err)
	}
	if open, err := other.Export(plain.SID, secret, true); err != nil || !bytes.Contains(open, []byte("\nseed ")) {
		t.Errorf("unsealed: %v", err)
	}
	if _, err := other.AddFile(append(file, "rubbish"...)); !errors.Is(err, ErrCorruptKey) {
		t.Errorf("damaged: %v", err)
	}
}

func TestLockedPrimaryKeepsTheNodeFromStarting(t *testing.T) { // spec I6.6
	k, dir, closed := ring(t)
	key, err := k.New("", secret)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Home: dir, Listen: "127.0.0.1:0", NoDiscovery: true}
	if _, err := Start(context.Background(), cfg); !errors.Is(err, ErrHomeInUse) && runtime.GOOS != "windows" {
		t.Errorf("while the keyring is open: %v", err)
	}
	closed()
	for _, c := range []struct {
		passphrase []byte
		want       error
	}{{nil, ErrLocked}, {[]byte("wrong"), ErrPassphrase}, {secret, nil}} {
		cfg.Passphrase = c.passphrase
		h, err := Start(context.Background(), cfg)
		if !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.passphrase, err, c.want)
		}
		if err == nil {
			if h.Self() != key.SID {
				t.Errorf("the node is %v, not %v", h.Self(), key.SID)
			}
			h.Close()
		}
	}
}

// One identity of a running node is locked and unlocked: what is bound to it ends, and its peers
// reach it again.
func TestIdentityIsLockedAndUnlocked(t *testing.T) { // spec I6.6
	a, b := pair(t)
	key, err := b.Keyring().New("work", secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Unlock(key.SID, []byte("wrong")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	for range 2 {
		if err := b.Unlock(key.SID, secret); err != nil {
			t.Fatal(err)
		}
	}
	work := b.As(key.SID)
	l, err := work.ListenService("desk")
	if err != nil {
		t.Fatal(err)
	}
	p, err := work.ListenPacket(0)
	if err != nil {
		t.Fatal(err)
	}
	if p.LocalAddr().(mdp.Addr).SID != key.SID || l.Addr().(mdp.Addr).SID != key.SID {
		t.Errorf("bound to %v and %v", p.LocalAddr(), l.Addr())
	}
	conn := reach(t, a, key.SID)
	conn.Write([]byte("hello"))
	in, err := l.Accept()
	if err != nil || in.LocalAddr().(mdp.Addr).SID != key.SID {
		t.Fatal(in, err)
	}
	ended := make(chan error, 3)
	go func() { _, _, err := p.ReadFrom(nil); ended <- err }()
	go func() { _, err := l.Accept(); ended <- err }()
	go func() { in.Read(make([]byte, 5)); _, err := in.Read(make([]byte, 5)); ended <- err }()
	time.Sleep(10 * time.Millisecond) // for those to wait, which they need not
	if err := b.Lock(key.SID); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := <-ended; !errors.Is(err, msp.ErrRemoved) && !errors.Is(err, mdp.ErrRemoved) {
			t.Errorf("ended with %v", err)
		}
	}
	if list, _ := b.Identities(); len(list) != 2 || list[1].Unlocked || !list[0].Unlocked {
		t.Errorf("%+v", list)
	}
	if err := b.Unlock(key.SID, secret); err != nil {
		t.Error(err)
	}
	reach(t, a, key.SID).Close()
	if err := b.Lock(b.Self()); !errors.Is(err, node.ErrPrimary) {
		t.Errorf("locking the primary: %v", err)
	}
}

// reach dials the SID as soon as there is a way to it.
func reach(t *testing.T, h *Host, to sid.SID) net.Conn {
	t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var c net.Conn
		if c, err = h.DialService(t.Context(), to, "desk"); err == nil {
			return c
		}
	}
	t.Fatal(err)
	return nil
}
