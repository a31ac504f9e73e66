package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

func (c *command) forward() *cobra.Command {
	var udp bool
	cmd := &cobra.Command{
		Use: "forward LOCAL PEER:SERVICE", Short: "Bring a service of a peer to a port of this machine", Args: exactly(2),
		Long: `Bring a service that a peer exposes to a port of this machine, for as long as this command runs. LOCAL is a port of
127.0.0.1 or HOST:PORT; port 0 takes a free one. Each connection is a stream of its own to the peer. With --udp, what comes
from one address is a flow; it ends after 2 minutes of silence.`,
		Example: "  caracal forward 9000 kitchen:web\n  caracal forward --udp 5300 kitchen:dns",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			peer, service := splitTarget(args[1])
			if service == "" {
				return misused(cmd, "PEER:SERVICE has no \":SERVICE\"")
			}
			at := localAddress(args[0])
			if err := checkLocal(cmd, at); err != nil {
				return err
			}
			f := forwarding{tunnel: c.newTunnel(n, client.SchemaForward), peer: peer, service: service, datagrams: udp}
			if err := f.look(cmd.Context()); err != nil {
				return err
			}
			if udp {
				return f.udp(cmd.Context(), at)
			}
			return f.tcp(cmd.Context(), at)
		},
	}
	cmd.Flags().BoolVar(&udp, "udp", false, "datagrams, not connections")
	return cmd
}

// A forwarding brings one service here.
type forwarding struct {
	*tunnel
	peer, service string
	datagrams     bool
}

// look fails for what cannot come right: no node, no such name. It tells what may come yet: a way to the peer, the service.
func (f *forwarding) look(ctx context.Context) error {
	doc, err := f.n.Services(ctx, f.peer)
	var told *client.Error
	if errors.As(err, &told) && (told.Code == client.NoReply || told.Code == client.Failed) {
		f.c.say("%s\nGoing on: it may come.\n", told.Text)
		return nil
	}
	if err == nil {
		f.c.say("%s", f.missing(&doc))
	}
	return err
}

// missing says that the peer does not offer the service now, and what it does offer; nothing if it does.
func (f *forwarding) missing(doc *client.Services) string {
	wanted, hint := client.ProtocolBytes, "add --udp"
	if f.datagrams {
		wanted, hint = client.ProtocolDatagrams, "leave out --udp"
	}
	name, service := client.Printable(f.peer), client.Printable(f.service)
	offers, other := []string{}, false
	for _, s := range doc.Services {
		switch {
		case s.Protocol == wanted && s.Service == f.service:
			return ""
		case s.Protocol == wanted:
			offers = append(offers, client.Printable(s.Service))
		case s.Service == f.service:
			other = other || s.Protocol == client.ProtocolBytes || s.Protocol == client.ProtocolDatagrams
		}
	}
	text := fmt.Sprintf("%s offers no %q now", name, service)
	switch {
	case other:
		text = fmt.Sprintf("%s offers %q, but not like this: %s", name, service, hint)
	case len(offers) > 0:
		text += "; it offers " + strings.Join(offers, ", ")
	}
	return text + ".\nGoing on: it may come, or be hidden.\n"
}

// listening tells where it listens.
func (f *forwarding) listening(at net.Addr) {
	if f.c.json {
		f.tell(tunnelLine{Event: "listening", Listen: at.String(), Name: f.peer, Service: f.service})
		return
	}
	f.c.done("%s → %s:%s.  Ctrl-C to stop\n", at, client.Printable(f.peer), client.Printable(f.service))
}

func (f *forwarding) tcp(ctx context.Context, at string) error {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return cannotListen(at, err)
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	f.listening(l.Addr())
	return f.serve(ctx, l, func(conn *net.TCPConn, number int) {
		line := tunnelLine{Conn: number, From: conn.RemoteAddr().String(), Service: f.service}
		t, err := f.dial(ctx, f.peer, f.service, false, line)
		if err != nil {
			_ = conn.SetLinger(0)
			conn.Close()
			f.ended(line, err)
			return
		}
		f.join(ctx, conn, t, line)
	})
}

// serve gives each connection to handle, in a goroutine, until ctx ends.
func (u *tunnel) serve(ctx context.Context, l net.Listener, handle func(*net.TCPConn, int)) error {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fail(client.Failed, "cannot take connections any more: %s", plainly(err))
		}
		if !u.enter() {
			conn.Close()
			continue
		}
		all.Go(func() {
			defer u.exit()
			handle(conn.(*net.TCPConn), int(u.number.Add(1)))
		})
	}
}

func cannotListen(at string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fail(client.Failed, "cannot listen on %s: another program does. Choose another port; 0 is any that is free", client.Printable(at))
	}
	return fail(client.Failed, "cannot listen on %s: %s", client.Printable(at), plainly(err))
}

// udp gives each address that sends a flow of its own.
func (f *forwarding) udp(ctx context.Context, at string) error {
	p, err := net.ListenPacket("udp", at)
	if err != nil {
		return cannotListen(at, err)
	}
	conn := p.(*net.UDPConn)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	f.listening(conn.LocalAddr())
	flows := flows{byAddr: map[netip.AddrPort]chan []byte{}}
	var all sync.WaitGroup
	defer all.Wait()
	buf := make([]byte, client.MaxFrame)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fail(client.Failed, "cannot take datagrams any more: %s", plainly(err))
		}
		q := flows.get(from)
		if q == nil {
			if !f.enter() {
				continue
			}
			q = flows.add(from)
			all.Go(func() {
				defer f.exit()
				defer flows.remove(from)
				f.flow(ctx, conn, from, q)
			})
		}
		select {
		case q <- append([]byte(nil), buf[:n]...):
		default: // full: lost, as datagrams are
		}
	}
}

// flow carries the datagrams of one address.
func (f *forwarding) flow(ctx context.Context, conn *net.UDPConn, from netip.AddrPort, q <-chan []byte) {
	line := tunnelLine{Conn: int(f.number.Add(1)), From: from.String(), Service: f.service}
	t, err := f.dial(ctx, f.peer, f.service, true, line)
	if err != nil {
		f.ended(line, err)
		return
	}
	over, cancel := context.WithCancel(ctx)
	defer cancel()
	f.joinDatagrams(ctx, t, line, func(p []byte) (int, error) {
		select {
		case d := <-q:
			return copy(p, d), nil
		case <-over.Done():
			return 0, over.Err()
		}
	}, func(p []byte) error {
		_, err := conn.WriteToUDPAddrPort(p, from)
		return err
	})
}

// flowQueue is how many datagrams of a flow wait for the node.
const flowQueue = 64

// A flows is the queues of the addresses that send.
type flows struct {
	mu     sync.Mutex
	byAddr map[netip.AddrPort]chan []byte
}

func (f *flows) get(from netip.AddrPort) chan []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byAddr[from]
}

func (f *flows) add(from netip.AddrPort) chan []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byAddr[from] = make(chan []byte, flowQueue)
	return f.byAddr[from]
}

func (f *flows) remove(from netip.AddrPort) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byAddr, from)
}
