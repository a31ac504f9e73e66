package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

const (
	bundleLog   = 256 << 10 // the end of the log, in bytes
	bundleWatch = 2 * time.Second
)

func (c *command) debug() *cobra.Command {
	var file string
	bundle := &cobra.Command{
		Use: "bundle", Short: "All that helps to find a fault, without names and keys", Args: exactly(0),
		Long: "Write a tar.gz for a bug report: status, counters, topology, streams, what doctor finds, the configuration, the end of the log, and the\n" +
			"events of two seconds. SIDs, names of nodes, files and services, paths, and addresses of the Internet are replaced by words like sid-1; what is the same\n" +
			"stays the same. Keys are never in it, nor packets. Look into it before you give it away: tar tzf FILE",
		Example: "  caracal debug bundle\n  caracal debug bundle -o - | tar xzO | less",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.writeBundle(cmd.Context(), file) },
	}
	bundle.Flags().StringVarP(&file, "output", "o", "", "the file to write, - = standard output (default caracal-debug-DATE.tar.gz)")
	parent := &cobra.Command{Use: "debug", Short: "For bug reports"}
	parent.AddCommand(bundle)
	return parent
}

// A bundleDocument is what --json prints of a bundle.
type bundleDocument struct {
	Schema string   `json:"schema"`
	File   string   `json:"file"`
	Bytes  int64    `json:"bytes"`
	Holds  []string `json:"holds"`
}

// A bundle is what is gathered: documents, and texts, by the names of their files.
type bundle struct {
	docs     map[string]any
	texts    map[string]string
	settings string // the configuration file
}

func (c *command) writeBundle(ctx context.Context, file string) error {
	if file == "-" && isTerminal(c.out) {
		return fail(client.Usage, "a tar.gz is nothing for a terminal. Name a file with -o")
	}
	home, _, err := c.homeDir()
	if err != nil {
		return err
	}
	b := c.gather(ctx, client.New(home), home)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	to := c.out
	if file == "" {
		file = "caracal-debug-" + time.Now().Format("2006-01-02-150405") + ".tar.gz"
	}
	if file != "-" {
		if to, err = private(file); err != nil {
			return fail(client.Failed, "cannot write %s: %v", client.Printable(file), reason(err))
		}
	}
	size, holds, err := b.write(to, redactorOf(home))
	if file != "-" {
		err = errors.Join(err, to.Close())
	}
	switch {
	case err != nil:
		return fail(client.Failed, "cannot write %s: %v", client.Printable(file), plain(err))
	case c.json && file != "-":
		return c.document(bundleDocument{client.SchemaBundle, file, size, holds})
	case file != "-":
		c.done("%s  %s, names and keys replaced. Look into it before you give it away: tar xzOf %s | less\n", client.Printable(file), share.Size(size), client.Printable(file))
	}
	return nil
}

// gather asks the node for all that it tells. What cannot be had is told in its place.
func (c *command) gather(ctx context.Context, n *client.Client, home string) bundle {
	b := bundle{docs: map[string]any{}, texts: map[string]string{}}
	b.docs["version.json"] = client.Version{Schema: client.SchemaVersion, Version: version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	for name, path := range map[string]string{
		"status.json": "/v1/status", "topology.json": "/v1/topology", "routes.json": "/v1/routes", "streams.json": "/v1/streams",
		"inbox.json": "/v1/inbox", "doctor.json": "/v1/doctor",
	} {
		short, cancel := context.WithTimeout(ctx, 20*time.Second)
		doc, err := n.Document(short, path, nil)
		cancel()
		if err != nil {
			b.docs[name] = map[string]string{"missing": err.Error()}
			continue
		}
		b.docs[name] = doc
	}
	short, cancel := context.WithTimeout(ctx, bundleWatch)
	defer cancel()
	events := []client.Event{}
	_ = n.Watch(short, nil, func(e client.Event) { events = append(events, e) })
	b.docs["events.json"] = events
	b.texts["caracal.log"] = tail(filepath.Join(home, "caracal.log"), bundleLog)
	if path, err := c.configPath(); err == nil {
		b.settings = tail(path, bundleLog)
	}
	return b
}

// tail is the end of a file, or why there is none.
func tail(path string, most int64) string {
	f, err := os.Open(path)
	if err != nil {
		return plain(err) + "\n"
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > most {
		_, _ = f.Seek(-most, io.SeekEnd)
	}
	data, _ := io.ReadAll(io.LimitReader(f, most))
	return string(data)
}

// redactorOf knows who we are on this machine.
func redactorOf(home string) *redactor {
	r := newRedactor()
	r.as("folder", home)
	if name, err := os.Hostname(); err == nil && len(name) > 1 {
		r.as("name", name)
	}
	if u, err := user.Current(); err == nil && len(u.Username) > 1 && u.Username != "root" {
		r.as("user", u.Username)
	}
	return r
}

// write writes the bundle: first all names are learned, then everything is redacted.
func (b *bundle) write(to io.Writer, r *redactor) (size int64, holds []string, err error) {
	files := map[string][]byte{}
	for round := range 2 { // the second knows the names of all documents
		for name, doc := range b.docs {
			if files[name], err = r.json(doc); err != nil {
				return 0, nil, err
			}
			if round == 0 {
				holds = append(holds, name)
			}
		}
	}
	for name, text := range b.texts {
		files[name] = []byte(r.text(text))
		holds = append(holds, name)
	}
	files["config.toml"] = []byte(r.settings(b.settings))
	holds = append(holds, "config.toml")
	slices.Sort(holds)
	counted := &counter{w: to}
	z := gzip.NewWriter(counted)
	t := tar.NewWriter(z)
	for _, name := range holds {
		h := &tar.Header{Name: "caracal-debug/" + name, Mode: 0o600, Size: int64(len(files[name])), ModTime: time.Now(), Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return 0, nil, err
		}
		if _, err := t.Write(files[name]); err != nil {
			return 0, nil, err
		}
	}
	err = errors.Join(t.Close(), z.Close())
	return counted.n, holds, err
}

// A counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
