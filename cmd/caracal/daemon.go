package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"

	"github.com/caracal-mesh/caracal/api"
	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/pair"
	"github.com/caracal-mesh/caracal/share"
	"github.com/caracal-mesh/caracal/sid"
)

// A daemon is a running node with its files and its socket.
type daemon struct {
	host   *host.Host
	files  *share.Exchange
	desk   *pair.Desk
	server *api.Server
	socket net.Listener
	cancel context.CancelFunc
	ctx    context.Context
	parts  sync.WaitGroup
}

// startDaemon starts everything; what fails is told as a person is told.
func startDaemon(ctx context.Context, cfg host.Config, files string, accept share.Mode, settings *settings) (*daemon, error) {
	d := &daemon{}
	d.ctx, d.cancel = context.WithCancel(ctx)
	feed := &api.Feed{}
	cfg.Trace, cfg.Log = feed.Trace, slog.New(feed.Log(cfg.Log.Handler()))
	h, err := host.Start(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return nil, startError(cfg, err)
	}
	d.host = h
	d.files, err = share.New(share.Config{Home: cfg.Home, Files: files, Accept: accept, Known: d.known, Block: d.blocked, Told: feed.Received, Log: cfg.Log}, h)
	if err != nil {
		h.Close()
		var unreadable *share.SourceError
		if errors.As(err, &unreadable) {
			return nil, fail(client.Failed, "%s: %v", client.Printable(unreadable.Path), unreadable.Err)
		}
		return nil, fail(client.Failed, "cannot use the folder for received files: %v", plain(err))
	}
	if d.socket, err = api.Listen(cfg.Home); err != nil {
		d.close()
		return nil, fail(client.Failed, "cannot make the control socket in %s: %v", client.Printable(cfg.Home), err)
	}
	d.desk = pair.New(h, h.Self(), cfg.Name, d.blocked)
	d.server = &api.Server{Host: h, Exchange: d.files, Pairing: d.desk, Version: version, Files: files, Down: d.cancel, Feed: feed}
	if d.server.Group = cfg.Home == systemHome; d.server.Group {
		if err := api.OpenToGroup(cfg.Home); err != nil {
			cfg.Log.Warn("the group cannot use this node", "error", err)
		}
	}
	if settings != nil {
		settings.live(d)
		d.server.Settings = settings
		if at := settings.values.Text("metrics.listen"); at != "" {
			d.parts.Go(func() { keepMetrics(d.ctx, client.New(cfg.Home), at, cfg.Log) })
		}
	}
	d.parts.Go(func() { d.complain(cfg.Log, d.files.Serve()) })
	d.parts.Go(func() { d.complain(cfg.Log, d.desk.Serve()) })
	d.parts.Go(func() { d.complain(cfg.Log, d.server.Serve(d.ctx, d.socket, cfg.Home)) })
	return d, nil
}

// complain ends the node when a part of it fails.
func (d *daemon) complain(log *slog.Logger, err error) {
	if err != nil && d.ctx.Err() == nil {
		log.Error("a part of the node failed", "error", err)
		d.cancel()
	}
}

// known says whose files are taken by the rule "contacts".
func (d *daemon) known(s sid.SID) bool {
	c, ok := d.host.Contact(s)
	return ok && !c.Blocked && (c.Petname != "" || c.Trusted)
}

// blocked says whose files are never taken.
func (d *daemon) blocked(s sid.SID) bool {
	c, ok := d.host.Contact(s)
	return ok && c.Blocked
}

// wait runs until somebody ends the node.
func (d *daemon) wait() {
	<-d.ctx.Done()
	d.close()
	d.parts.Wait()
}

func (d *daemon) close() {
	d.cancel()
	if d.desk != nil {
		d.desk.Close()
	}
	d.files.Close()
	d.host.Close()
}

// startError tells why a node does not start.
func startError(cfg host.Config, err error) error {
	home := client.Printable(cfg.Home)
	listen := cfg.Listen
	if listen == "" {
		listen = host.DefaultListen
	}
	switch {
	case errors.Is(err, host.ErrPortInUse):
		return fail(client.Failed, "UDP port %s is in use by another program, or by another node.\nTake a free one with: caracal up --listen :0", listen)
	case errors.Is(err, host.ErrHomeInUse):
		return fail(client.Failed, "another node is running in %s. Stop it with: caracal down", home)
	case errors.Is(err, host.ErrHomeOwner):
		return foreignHome(home)
	case errors.Is(err, host.ErrCorruptKey):
		return fail(client.NotVerified, "the key file %s/identity.key is damaged. It was left as it is.\nRestore it from a copy; or move it away, and caracal up makes a new identity.", home)
	case errors.Is(err, host.ErrKeyPermissions):
		return fail(client.Refused, "others can read the key in %s, or write there. Make it private: chmod 700 %s && chmod 600 %s/identity.key", home, home, home)
	case errors.Is(err, host.ErrLocked):
		return fail(client.Usage, "the identity in %s is sealed. Type its passphrase at the terminal, or name a file that holds it: caracal up %s FILE", home, passphraseFlag)
	case errors.Is(err, host.ErrPassphrase):
		return fail(client.NotVerified, "wrong passphrase.")
	case errors.Is(err, host.ErrCorruptContacts):
		return fail(client.Failed, "the file %s/peers.json is damaged. It was left as it is: repair it or move it away.", home)
	case errors.Is(err, host.ErrConfig):
		return fail(client.Usage, "%s", client.Printable(err.Error()))
	}
	return fail(client.Failed, "cannot start: %v", plain(err))
}

func foreignHome(home string) error {
	return fail(client.Refused, "%s belongs to another user. Use a home of your own: caracal up --home DIR", home)
}

// plain is an error of the file system without the name of the system call.
func plain(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return client.Printable(path.Path + ": " + path.Err.Error())
	}
	return client.Printable(err.Error())
}
