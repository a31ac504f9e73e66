package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

// defaultSocks is where socks listens.
const defaultSocks = "127.0.0.1:1080"

// meshSuffix is what names of peers end in.
const meshSuffix = ".caracal"

// Answers of a SOCKS5 server (RFC 1928 §6).
const (
	socksDone        = 0
	socksFailed      = 1
	socksNotAllowed  = 2
	socksNoNetwork   = 3
	socksNoHost      = 4
	socksRefused     = 5
	socksNoCommand   = 7
	socksNoAddrType  = 8
	socksHandshake   = 10 * time.Second
	socksVersion     = 5
	socksNoAuth      = 0
	socksNoneOfThese = 0xff
)

// wellKnown are names of services that stand for ports.
var wellKnown = map[uint16][]string{
	22: {"ssh"}, 25: {"smtp"}, 53: {"dns"}, 80: {"http", "web"}, 443: {"https"}, 143: {"imap"}, 5900: {"vnc"}, 8080: {"http-alt"},
}

func (c *command) socks() *cobra.Command {
	return &cobra.Command{
		Use: "socks [ADDR]", Short: "A SOCKS5 proxy to what peers expose",
		Long: `A SOCKS5 proxy to what peers expose, on 127.0.0.1:1080 or ADDR, for as long as this command runs. Let the program leave names
to the proxy (socks5h). NAME.caracal, or a SID, is a peer: port 8080 is its service "8080", and for well-known ports also
"http" and "web" (80), "https", "ssh", "smtp", "dns", "imap", "vnc". SERVICE.NAME.caracal is that service, whatever the port.
It leads to the mesh only, and asks for no password: who can reach ADDR can use it.`,
		Example: "  caracal socks\n  curl -x socks5h://127.0.0.1:1080 http://kitchen.caracal:8080/\n  curl -x socks5h://127.0.0.1:1080 http://web.kitchen.caracal/",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exactly(1)(cmd, args)
			}
			at := defaultSocks
			if len(args) == 1 {
				at = localAddress(args[0])
				if err := checkLocal(cmd, at); err != nil {
					return err
				}
			}
			n, err := c.node()
			if err != nil {
				return err
			}
			if _, err := n.ID(cmd.Context()); err != nil {
				return err
			}
			return proxy{c.newTunnel(n, client.SchemaSocks)}.run(cmd.Context(), at)
		},
	}
}

// A proxy serves SOCKS5.
type proxy struct{ *tunnel }

func (p proxy) run(ctx context.Context, at string) error {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return cannotListen(at, err)
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	if p.c.json {
		p.tell(tunnelLine{Event: "listening", Listen: l.Addr().String()})
	} else {
		p.c.done("SOCKS5 on %s for NAME%s.  Ctrl-C to stop\n", l.Addr(), meshSuffix)
	}
	return p.serve(ctx, l, func(conn *net.TCPConn, number int) {
		_ = conn.SetDeadline(time.Now().Add(socksHandshake))
		host, port, code := greet(conn)
		if code != socksDone {
			answer(conn, code)
			conn.Close()
			return
		}
		line := tunnelLine{Conn: number, From: conn.RemoteAddr().String(), Service: net.JoinHostPort(host, strconv.Itoa(int(port)))}
		t, err := p.reach(ctx, host, port, line)
		if err != nil {
			answer(conn, socksCode(err))
			conn.Close()
			p.ended(line, err)
			return
		}
		answer(conn, socksDone)
		_ = conn.SetDeadline(time.Time{})
		p.join(ctx, conn, t, line)
	})
}

// greet takes the greeting and the request (RFC 1928 §3 and §4); the code is not socksDone when it cannot be granted.
func greet(conn io.ReadWriter) (host string, port uint16, code byte) {
	var head [2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil || head[0] != socksVersion {
		return "", 0, socksFailed
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(conn, methods); err != nil {
		return "", 0, socksFailed
	}
	if !slices.Contains(methods, socksNoAuth) {
		_, _ = conn.Write([]byte{socksVersion, socksNoneOfThese})
		return "", 0, socksFailed
	}
	if _, err := conn.Write([]byte{socksVersion, socksNoAuth}); err != nil {
		return "", 0, socksFailed
	}
	return readRequest(conn)
}

// readRequest takes the request: CONNECT to a name.
func readRequest(conn io.Reader) (host string, port uint16, code byte) {
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil || head[0] != socksVersion {
		return "", 0, socksFailed
	}
	command, kind := head[1], head[3]
	size := map[byte]int{1: 4, 4: 16}[kind]
	if kind == 3 {
		if _, err := io.ReadFull(conn, head[:1]); err != nil {
			return "", 0, socksFailed
		}
		size = int(head[0])
	}
	rest := make([]byte, size+2)
	if _, err := io.ReadFull(conn, rest); err != nil {
		return "", 0, socksFailed
	}
	switch {
	case command != 1: // CONNECT
		return "", 0, socksNoCommand
	case kind == 1 || kind == 4: // an address of the Internet: not ours to reach
		return "", 0, socksNotAllowed
	case kind != 3 || size == 0:
		return "", 0, socksNoAddrType
	}
	return string(rest[:size]), binary.BigEndian.Uint16(rest[size:]), socksDone
}

// answer answers a request; the address bound is of no use to anybody.
func answer(conn io.Writer, code byte) {
	_, _ = conn.Write([]byte{socksVersion, code, 0, 1, 0, 0, 0, 0, 0, 0})
}

// reach opens a stream to the service that host and port stand for.
func (p proxy) reach(ctx context.Context, host string, port uint16, line tunnelLine) (*client.Tube, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*socksHandshake)
	defer cancel()
	name := strings.TrimSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), meshSuffix)
	if len(name) == len(host) && len(name) < 52 { // neither ours nor a SID
		return nil, client.Errorf(client.Refused, "%s is not in the mesh: names there end in %s", client.Printable(host), meshSuffix)
	}
	first := error(nil)
	for _, service := range append([]string{strconv.Itoa(int(port))}, wellKnown[port]...) {
		t, err := p.dial(ctx, name, service, false, line)
		if err == nil {
			return t, nil
		}
		if first == nil {
			first = err
		}
		if !noService(err) {
			break
		}
	}
	if service, peer, ok := strings.Cut(name, "."); ok && unknownPeer(first) {
		return p.dial(ctx, peer, service, false, line)
	}
	return nil, first
}

func noService(err error) bool {
	var told *client.Error
	return errors.As(err, &told) && told.Reason != ""
}

func unknownPeer(err error) bool {
	var told *client.Error
	return errors.As(err, &told) && told.Code == client.UnknownPeer && told.Reason == ""
}

// socksCode is how SOCKS says it.
func socksCode(err error) byte {
	var told *client.Error
	switch {
	case noService(err):
		return socksRefused
	case unknownPeer(err):
		return socksNoHost
	case !errors.As(err, &told):
		return socksFailed
	case told.Code == client.Refused, told.Code == client.Usage:
		return socksNotAllowed
	case told.Code == client.NoReply:
		return socksNoHost
	case told.Code == client.NotRunning:
		return socksNoNetwork
	}
	return socksFailed
}
