package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/web"
)

// webListen is where the page is; when that is taken, at any port.
const webListen = "127.0.0.1:4180"

// webFlags are the flags of "web".
type webFlags struct {
	listen   string
	given    bool // listen was
	print    bool
	readOnly bool
	write    bool
}

func (c *command) web() *cobra.Command {
	var f webFlags
	cmd := &cobra.Command{
		Use: "web", Short: "A page that shows the mesh, and sends and takes files", Args: exactly(0),
		Long: "Serve a page about the node and open it in the browser, until Ctrl-C. Its address holds a key that only you have: who opens it\n" +
			"can send files and decide about the inbox, as you can. Beyond this machine (--listen) it only shows, unless --write is given; mind\n" +
			"that there the key travels unencrypted.",
		Example: "  caracal web\n  caracal web --print              # on a machine without a browser, for: ssh -L 4180:localhost:4180 …\n" +
			"  caracal web --read-only",
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.given = cmd.Flags().Changed("listen")
			if f.readOnly && f.write {
				return misused(cmd, "--read-only and --write exclude each other")
			}
			return c.serveWeb(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", webListen, "where browsers find it, IP:PORT")
	flags.BoolVar(&f.print, "print", false, "only print the address, open no browser")
	flags.BoolVar(&f.readOnly, "read-only", false, "nothing can be sent or decided there")
	flags.BoolVar(&f.write, "write", false, "with --listen: something can, from other machines too")
	return cmd
}

// A webDocument is what --json prints of "web".
type webDocument struct {
	Schema   string `json:"schema"`
	Address  string `json:"address"`
	ReadOnly bool   `json:"read_only"`
}

func (c *command) serveWeb(ctx context.Context, f *webFlags) error {
	n, err := c.node()
	if err != nil {
		return err
	}
	st, err := n.Status(ctx)
	if err != nil {
		return err
	}
	l, err := f.open()
	if err != nil {
		return err
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := web.New(ctx, web.Server{
		Node: n, ReadOnly: f.readOnly || !at.IP.IsLoopback() && !f.write,
		Outbox: filepath.Join(st.Self.Home, "outbox"),
	})
	if err != nil {
		return fail(client.Failed, "cannot keep files for sending: %v", plain(err))
	}
	address := "http://" + at.String() + "/#t=" + s.Token
	opened := !f.print && !c.json && opens(st.Self.Home, address)
	defer os.Remove(filepath.Join(st.Self.Home, doorFile))
	switch {
	case c.json:
		c.line(webDocument{client.SchemaWeb, address, s.ReadOnly})
	case at.IP.IsLoopback():
		c.printf("dashboard: %s   (this machine only; Ctrl-C to stop)\n", address)
	default:
		c.printf("dashboard: %s   (whoever has this address; Ctrl-C to stop)\n", address)
	}
	if !opened && !f.print && !c.json {
		c.say("no browser was found here: open the address in one\n")
	}
	if err := s.Serve(ctx, l); err != nil {
		return fail(client.Failed, "the page ended: %v", plain(err))
	}
	return ctx.Err()
}

// open listens, at another port when the usual one is taken.
func (f *webFlags) open() (net.Listener, error) {
	at, err := netip.ParseAddrPort(f.listen)
	if err != nil {
		return nil, fail(client.Usage, "--listen \"%s\" is not IP:PORT, such as %s", client.Printable(f.listen), webListen)
	}
	l, err := net.Listen("tcp", at.String())
	if err != nil && !f.given && errors.Is(err, syscall.EADDRINUSE) {
		l, err = net.Listen("tcp", netip.AddrPortFrom(at.Addr(), 0).String())
	}
	if err != nil {
		return nil, fail(client.Failed, "cannot listen at %s: %v", at, plain(errors.Unwrap(err)))
	}
	return l, nil
}

// doorFile leads a browser to the page: so the key in the address is in no command line, which others could read.
const doorFile = "web.html"

// opens opens the page in the user's browser; false when there is none.
func opens(home, address string) bool {
	file := filepath.Join(home, doorFile)
	_ = os.Remove(file)
	door := "<!doctype html><meta charset=utf-8><meta name=referrer content=no-referrer><title>Caracal</title>" +
		"<meta http-equiv=refresh content='0;url=" + address + "'><a href='" + address + "'>Caracal</a>\n"
	if err := os.WriteFile(file, []byte(door), 0o600); err != nil {
		return false
	}
	return browse(file)
}
