package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/internal/config"
	"github.com/caracal-mesh/caracal/share"
)

// systemHome and systemConfig are the places of the node that the system runs.
const (
	systemHome   = "/var/lib/caracal"
	systemConfig = "/etc/caracal/config.toml"
)

// configPath is the configuration file of the node meant: $CARACAL_CONFIG, or that of the
// system, or HOME/config.toml of a node that was named, or the user's own.
func (c *command) configPath() (string, error) {
	if path := os.Getenv("CARACAL_CONFIG"); path != "" {
		path, err := filepath.Abs(path)
		return path, err
	}
	home, named, err := c.homeDir()
	switch {
	case err != nil:
		return "", err
	case home == systemHome:
		return systemConfig, nil
	case named:
		return filepath.Join(home, "config.toml"), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return filepath.Join(home, "config.toml"), nil
	}
	return filepath.Join(dir, "caracal", "config.toml"), nil
}

// settings are the configuration of a node, and of those flags that override it.
type settings struct {
	path  string
	level slog.LevelVar
	flags map[string]config.Value

	mu     sync.Mutex
	values config.Values
	daemon *daemon // once it runs
}

// loadSettings reads the configuration of the node meant.
func (c *command) loadSettings() (*settings, error) {
	path, err := c.configPath()
	if err != nil {
		return nil, err
	}
	s := &settings{path: path, flags: map[string]config.Value{}}
	if s.values, err = config.Load(path, os.Getenv); err != nil {
		return nil, badConfig(err)
	}
	return s, nil
}

// badConfig tells what is wrong in a configuration.
func badConfig(err error) error {
	text := strings.ReplaceAll(err.Error(), "\n", "\x00")
	lines := strings.Split(text, "\x00")
	for i := range lines {
		lines[i] = client.Printable(tilde(lines[i]))
	}
	return fail(client.BadConfig, "%s", strings.Join(lines, "\n"))
}

// flagKeys says which flags of "up" override which keys.
var flagKeys = map[string]string{
	"name": "node.name", "listen": "node.listen", "network-key-file": "node.network_key_file",
	"interface": "discovery.interfaces", "peer": "discovery.peers", "accept": "files.accept", "files": "files.dir",
	"log-format": "log.format", "log-level": "log.level",
}

// override takes the flags that were given.
func (s *settings) override(cmd *cobra.Command) error {
	for flag, name := range flagKeys {
		f := cmd.Flags().Lookup(flag)
		if f == nil || !f.Changed {
			continue
		}
		key, _ := config.Find(name)
		var value any = f.Value.String()
		if key.Kind == config.List {
			list, err := cmd.Flags().GetStringSlice(flag)
			if err != nil {
				return err
			}
			value = list
		}
		if flag == "files" || flag == "network-key-file" {
			path, err := filepath.Abs(value.(string))
			if err != nil {
				return err
			}
			value = path
		}
		if err := key.Check(value); err != nil {
			_, what, _ := strings.Cut(err.Error(), ": ")
			return fail(client.Usage, "--%s: %s", flag, client.Printable(what))
		}
		s.flags[name] = config.Value{Value: value, Origin: "--" + flag}
		s.values.Set(name, value, "--"+flag)
	}
	return nil
}

// host is what the configuration says of the node.
func (s *settings) host() host.Config {
	v := s.values
	return host.Config{
		Name: v.Text("node.name"), Listen: v.Text("node.listen"), NoRelay: !v.Switch("node.relay"),
		NoPunch: !v.Switch("nat.punch"), NoPortMap: !v.Switch("nat.portmap"), STUN: v.List("nat.stun"),
		Interfaces: v.List("discovery.interfaces"), Peers: v.List("discovery.peers"),
		NoBroadcast: !v.Switch("discovery.broadcast"), NoMulticast: !v.Switch("discovery.multicast"), NoMDNS: !v.Switch("discovery.mdns"),
		NoDiscovery: !v.Switch("discovery.broadcast") && !v.Switch("discovery.multicast") && !v.Switch("discovery.mdns"),
	}
}

// logger is the log of a node that runs in the foreground.
func (s *settings) logger(w io.Writer) *slog.Logger {
	_ = s.level.UnmarshalText([]byte(s.values.Text("log.level"))) // it was checked
	options := &slog.HandlerOptions{Level: &s.level}
	if os.Getenv("JOURNAL_STREAM") != "" { // the journal has the time itself
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	if s.values.Text("log.format") == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// live has what can change while the node runs change it.
func (s *settings) live(d *daemon) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.daemon = d
	d.files.SetQuota(quota(s.values))
}

// quota bounds the folder for received files, in bytes; 0 = no bound.
func quota(v config.Values) int64 {
	n, _ := share.ParseSize(v.Text("files.quota")) // it was checked
	return n
}

// Show is the configuration as it is now.
func (s *settings) Show() client.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc := client.Config{Schema: client.SchemaConfig, File: s.path, Running: s.daemon != nil, Settings: []client.Setting{}}
	for _, k := range config.Keys {
		v := s.values[k.Name]
		doc.Settings = append(doc.Settings, client.Setting{Key: k.Name, Value: v.Value, Default: k.Default, Origin: v.Origin, Live: k.Live, Help: k.Help})
	}
	return doc
}

// Reload reads the file again. Flags and variables hold as they were at the start.
func (s *settings) Reload() (client.Reload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc := client.Reload{Schema: client.SchemaReload, Applied: []string{}, Restart: []string{}}
	now, err := config.Load(s.path, os.Getenv)
	if err != nil {
		return doc, badConfig(err)
	}
	for name, v := range s.flags {
		now.Set(name, v.Value, v.Origin)
	}
	for _, k := range config.Keys {
		if reflect.DeepEqual(s.values[k.Name].Value, now[k.Name].Value) {
			continue
		}
		if !k.Live {
			doc.Restart = append(doc.Restart, k.Name)
			now[k.Name] = s.values[k.Name] // that is what holds
			continue
		}
		doc.Applied = append(doc.Applied, k.Name)
	}
	s.apply(now)
	s.values = now
	return doc, nil
}

// apply puts live values into effect.
func (s *settings) apply(now config.Values) {
	_ = s.level.UnmarshalText([]byte(now.Text("log.level")))
	if s.daemon == nil {
		return
	}
	if mode, err := share.ParseMode(now.Text("files.accept")); err == nil {
		s.daemon.files.SetAccept(mode)
	}
	s.daemon.files.SetQuota(quota(now))
	before, after := s.values.List("discovery.peers"), now.List("discovery.peers")
	for _, p := range before {
		if !slices.Contains(after, p) {
			s.daemon.host.RemovePeer(p)
		}
	}
	for _, p := range after {
		if !slices.Contains(before, p) {
			_ = s.daemon.host.AddPeer(s.daemon.ctx, p) // it was checked
		}
	}
}

// isError finds an error of a configuration among others.
func isError(err error) bool {
	var bad *config.Error
	return errors.As(err, &bad)
}
