package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/internal/config"
	"github.com/caracal-mesh/caracal/share"
	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

// detached tells a process that it is the background half of "up".
const detached = "CARACAL_DETACHED"

// logLimit is the size in bytes past which the log is put aside at a start.
const logLimit = 1 << 20

// upFlags are the flags of "up".
type upFlags struct {
	foreground bool
	service    bool
	name       string
	files      string
	interfaces []string
	networkKey string // file
	passphrase string // file
}

func (c *command) up() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use: "up", Short: "Start the node", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			u, err := c.newUp(cmd, f)
			if err != nil {
				return err
			}
			if f.foreground || f.service {
				return u.foreground(cmd.Context())
			}
			return u.background(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.foreground, "fg", false, "stay in the foreground")
	flags.BoolVar(&f.service, "service", false, "run as a service: in the foreground, saying nothing but the log; tells systemd when it is ready")
	flags.String("name", "", "this node's name (default: the host name)")
	flags.String("listen", host.DefaultListen, "UDP address and port, port 0 = any")
	flags.StringSlice("interface", nil, "network interfaces to use, \"!\" before those not to (default: all)")
	flags.StringSlice("peer", nil, "addresses to try always, HOST or HOST:PORT")
	flags.String("accept", "contacts", "whose files to take: ask, contacts, all, never")
	flags.String("files", "", "folder for received files (default ~/Caracal, or HOME/files with --home)")
	flags.String("network-key-file", "", "file with the key of a private mesh: only who has it can join (caracal network new)")
	flags.String("log-level", "info", "debug, info, warn or error")
	flags.String("log-format", "text", "text or json")
	secretFlag(cmd, &f.passphrase)
	return cmd
}

// An upRun is one start of a node.
type upRun struct {
	c        *command
	flags    upFlags
	given    []string // flags that were given, as the background half gets them
	home     string
	named    bool // the home was named
	first    bool // there is no identity yet
	settings *settings
	log      *slog.Logger
	accept   share.Mode
	network  *[32]byte // the key of a private mesh
	noticed  string    // where the name is from
}

// newUp checks all that can be checked before anything is touched.
func (c *command) newUp(cmd *cobra.Command, f upFlags) (*upRun, error) {
	u := &upRun{c: c, flags: f}
	var err error
	if u.home, u.named, err = c.homeDir(); err != nil {
		return nil, err
	}
	if u.settings, err = c.loadSettings(); err != nil {
		return nil, err
	}
	if err := u.settings.override(cmd); err != nil {
		return nil, err
	}
	if c.verbose > 0 {
		u.settings.values.Set("log.level", "debug", "--verbose")
		u.settings.flags["log.level"] = u.settings.values["log.level"]
	}
	v := u.settings.values
	u.accept, _ = share.ParseMode(v.Text("files.accept")) // it was checked
	u.flags.interfaces = v.List("discovery.interfaces")
	u.flags.networkKey = v.Path("node.network_key_file")
	if u.flags.files = v.Path("files.dir"); u.flags.files == "" {
		u.flags.files = filesDir(u.home, u.named)
	}
	u.nameIt(v["node.name"])
	u.passOn()
	if err := u.readNetworkKey(); err != nil {
		return nil, err
	}
	if foreign(u.home) {
		return nil, foreignHome(client.Printable(u.home))
	}
	if exposed(u.home) {
		home := client.Printable(u.home)
		return nil, fail(client.Refused, "others can write to %s, and could take the node over. Make it private: chmod 700 %s", home, home)
	}
	_, err = os.Stat(filepath.Join(u.home, "identity.key"))
	u.first = errors.Is(err, os.ErrNotExist)
	return u, nil
}

// nameIt finds the node's name, and where it is from.
func (u *upRun) nameIt(v config.Value) {
	u.flags.name, u.noticed = v.Value.(string), "from "+tilde(v.Origin)
	if u.flags.name != "" {
		return
	}
	u.flags.name, u.noticed = hostName(), "from the host name"
	if u.flags.name == "" {
		u.noticed = "the host name cannot be one: it looks like a SID"
	}
}

// passOn lists the flags for the background half.
func (u *upRun) passOn() {
	for flag, name := range flagKeys {
		v, ok := u.settings.flags[name]
		if !ok {
			continue
		}
		list, ok := v.Value.([]string)
		if !ok {
			list = []string{v.Value.(string)}
		}
		for _, one := range list {
			u.given = append(u.given, "--"+flag+"="+one)
		}
	}
	slices.Sort(u.given)
}

// readNetworkKey reads the key of the private mesh, if one was named.
func (u *upRun) readNetworkKey() (err error) {
	path := u.flags.networkKey
	if path == "" {
		return nil
	}
	u.network, err = host.ReadNetworkKey(path)
	if errors.Is(err, keyring.ErrNetworkKey) {
		return fail(client.Usage, "%s holds no network key: 64 hex digits, base64 of 32 bytes, or a passphrase of %d characters or more, in one line.\nMake one with: caracal network new FILE",
			client.Printable(path), keyring.MinPassphrase)
	}
	return secretError(path, err)
}

// unlock gets the passphrase of the node's identity, if that is sealed.
func (u *upRun) unlock(ctx context.Context) ([]byte, error) {
	keys, _ := host.KeyringAt(u.home).List() // what is wrong with it is told at the start
	if len(keys) == 0 || !keys[0].Primary || !keys[0].Sealed {
		return nil, nil
	}
	return u.c.passphrase(ctx, u.flags.passphrase, passphraseFlag, "Passphrase of "+keys[0].SID.Short()+": ")
}

// hostName is this machine's name, made fit; "" when nothing of it fits.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	name, _, _ = strings.Cut(name, ".")
	if sid.CheckName(name) != nil {
		return ""
	}
	return name
}

// foreground runs the node here.
func (u *upRun) foreground(ctx context.Context) error {
	if st, err := client.New(u.home).Status(ctx); err == nil {
		return fail(client.Failed, "caracal is already running (pid %d). Stop it with: caracal down", st.Self.PID)
	}
	passphrase, err := u.unlock(ctx)
	if err != nil {
		return u.mark(err)
	}
	cfg := u.settings.host()
	u.log = u.settings.logger(os.Stderr)
	cfg.Home, cfg.Passphrase, cfg.NetworkKey, cfg.Name, cfg.Log = u.home, passphrase, u.network, u.flags.name, u.log
	limitMemory()
	d, err := startDaemon(ctx, cfg, u.flags.files, u.accept, u.settings)
	if err != nil {
		return u.mark(err)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // half the memory for 1 % of the time: a node lives on small machines
	}
	if err := confine(u.home, u.flags.files); err != nil {
		cfg.Log.Warn("cannot give up the right to write outside the node's folders", "error", err)
	}
	u.attend(d)
	u.settle(d)
	if os.Getenv(detached) == "" && !u.flags.service {
		w := welcome{c: u.c, up: u}
		go w.show(ctx, client.New(u.home))
	}
	d.wait()
	return nil
}

// errorMark stands before the lines of the log that the foreground half shows.
const errorMark = "error: "

// mark puts errorMark before an error's lines when nobody but the log hears it.
func (u *upRun) mark(err error) error {
	var told *client.Error
	if os.Getenv(detached) == "" || !errors.As(err, &told) {
		return err
	}
	return client.Errorf(told.Code, "%s%s", errorMark, strings.ReplaceAll(told.Text, "\n", "\n"+errorMark))
}

// background starts the node as a process of its own and waits until it is ready.
func (u *upRun) background(ctx context.Context) error {
	node := client.New(u.home)
	if st, err := node.Status(ctx); err == nil {
		return u.already(&st)
	}
	passphrase, err := u.unlock(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(u.home, 0o700); err != nil {
		return fail(client.Failed, "cannot make the node's folder: %v", plain(err))
	}
	log, from, err := openLog(filepath.Join(u.home, "caracal.log"))
	if err != nil {
		return fail(client.Failed, "cannot write the log: %v", plain(err))
	}
	defer log.Close()
	process, err := u.spawn(log, passphrase)
	if err != nil {
		return fail(client.Failed, "cannot start the node: %v", plain(err))
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	return u.await(ctx, node, ended, log.Name(), from)
}

// already tells that there is nothing to do.
func (u *upRun) already(st *client.Status) error {
	if u.c.json {
		return u.c.document(st)
	}
	u.c.done("caracal is already running (pid %d)\n", st.Self.PID)
	if len(u.given) > 0 {
		u.c.say("The flags were not applied. To apply them: caracal down, then caracal up again.\n")
	}
	return nil
}

// openLog opens the log to append, putting a long one aside, and tells where it ends.
func openLog(path string) (f *os.File, end int64, err error) {
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		os.Rename(path, path+".1")
	}
	f, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// spawn starts the background half. The passphrase goes through its standard input.
func (u *upRun) spawn(log *os.File, passphrase []byte) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"up", "--fg"}
	if u.c.home != "" {
		args = append(args, "--home", u.home)
	}
	args = append(args, u.given...)
	if passphrase != nil {
		args = append(args, passphraseFlag, "-")
	}
	process := exec.Command(self, args...)
	if passphrase != nil {
		process.Stdin = bytes.NewReader(append(passphrase, '\n'))
	}
	process.Env = append(os.Environ(), detached+"=1")
	process.Stdout, process.Stderr = log, log
	process.Dir = u.home
	detach(process)
	return process, process.Start()
}

// startLimit is how long a node may take to answer.
const startLimit = 15 * time.Second

// await waits until the node answers, or ended.
func (u *upRun) await(ctx context.Context, node *client.Client, ended <-chan error, log string, from int64) error {
	late := time.After(startLimit)
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			return u.whyEnded(err, log, from)
		case <-late:
			return fail(client.Failed, "the node does not answer. Its log: %s", client.Printable(log))
		case <-tick.C:
			if node.Running(ctx) {
				w := welcome{c: u.c, up: u}
				return w.show(ctx, node)
			}
		}
	}
}

// whyEnded is the error of a node that ended at once, as its log has it.
func (u *upRun) whyEnded(err error, log string, from int64) error {
	code := client.Failed
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		code = exit.ExitCode()
	}
	data, err := os.ReadFile(log)
	var lines []string
	if err == nil && int64(len(data)) >= from {
		for line := range strings.Lines(string(data[from:])) {
			if text, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), errorMark); ok {
				lines = append(lines, text)
			}
		}
	}
	if lines == nil {
		return fail(code, "the node ended at once. Its log: %s", client.Printable(log))
	}
	return fail(code, "%s", strings.Join(lines, "\n"))
}
