package portmap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// pcpWaits are how long an answer is waited for before the question is repeated. RFC 6887 §8.1.1 begins with 3 s; a router that is asked
// besides by two other protocols need not be given so long.
var pcpWaits = [...]time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}

// errNoPCP: the router answers, but not by PCP.
var errNoPCP = errors.New("the router does not speak PCP")

// A pcpClient asks one router about one port.
type pcpClient struct {
	router netip.AddrPort
	port   uint16
	nonce  [wire.PCPNonce]byte // who knows it may renew and remove
}

// grant asks for a mapping, if possible at the outer port given.
func (c *pcpClient) grant(ctx context.Context, outer netip.AddrPort) (mapping, error) {
	m, err := c.ask(ctx, lease, outer)
	if err != nil {
		return mapping{}, err
	}
	return mapping{
		outer: m.Outer, lasts: max(time.Duration(m.Seconds)*time.Second, time.Minute), by: "PCP",
		renew: func(ctx context.Context) (mapping, error) { return c.grant(ctx, m.Outer) },
		remove: func(ctx context.Context) error {
			_, err := c.ask(ctx, 0, netip.AddrPort{}) // RFC 6887 §15
			return err
		},
	}, nil
}

// ask sends one request, again and again, until its answer has come.
func (c *pcpClient) ask(ctx context.Context, lasts time.Duration, outer netip.AddrPort) (m wire.PCPMap, err error) {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(c.router)) // so that nobody else's answers come in
	if err != nil {
		return m, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	m = wire.PCPMap{Seconds: uint32(lasts.Seconds()), Client: conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), Nonce: c.nonce, Inner: c.port, Outer: outer}
	request := wire.AppendPCPRequest(nil, &m)
	for _, wait := range pcpWaits {
		if _, err := conn.Write(request); err != nil {
			return m, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return m, err
		}
		answer, err := c.hear(conn)
		if !errors.Is(err, errNone) {
			return answer, err
		}
	}
	return m, errNone
}

// hear waits for the answer. errNone: it did not come in time.
func (c *pcpClient) hear(conn *net.UDPConn) (m wire.PCPMap, err error) {
	var buffer [wire.MaxPCP + 1]byte
	for {
		n, err := conn.Read(buffer[:])
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout():
			return m, errNone
		case err != nil:
			return m, err // such as: nobody listens there
		}
		switch m, err = wire.ParsePCPAnswer(buffer[:n]); {
		case errors.Is(err, wire.ErrPCPVersion):
			return m, errNoPCP
		case err == nil && m.Result != 0 && (m.Nonce == c.nonce || m.Nonce == [wire.PCPNonce]byte{}):
			return m, fmt.Errorf("the router refuses: %s", pcpResult(m.Result))
		case err == nil && m.Result == 0 && m.Nonce == c.nonce && m.Inner == c.port:
			return m, nil
		}
	}
}

// pcpResults are the words of RFC 6887 §7.4.
var pcpResults = [...]string{
	1: "it speaks another version", 2: "not authorized", 3: "malformed request", 4: "it maps no ports", 5: "it does not know an option", 6: "malformed option",
	7: "it has failed", 8: "it has no room", 9: "it does not map UDP", 10: "this machine has too many mappings", 11: "the outer port is not to be had",
	12: "there is another router between", 13: "too many far ends",
}

func pcpResult(code uint8) string {
	if int(code) < len(pcpResults) && pcpResults[code] != "" {
		return pcpResults[code]
	}
	return fmt.Sprintf("result %d", code)
}

// askGateway asks the default gateway: by PCP, and by NAT-PMP, its forerunner at the same port, if it does not know that.
func (m *Mapper) askGateway(ctx context.Context, port uint16) (mapping, error) {
	gateway, ok := defaultGateway()
	if !ok {
		return mapping{}, fmt.Errorf("PCP and NAT-PMP: %w", errNone)
	}
	c := &pcpClient{router: netip.AddrPortFrom(gateway, wire.PCPPort), port: port, nonce: m.cfg.Nonce}
	got, err := c.grant(ctx, netip.AddrPortFrom(netip.IPv4Unspecified(), port))
	if err == nil {
		return got, nil
	}
	older, err2 := grantNATPMP(ctx, gateway, port)
	if err2 == nil {
		return older, nil
	}
	return mapping{}, errors.Join(fmt.Errorf("PCP: %w", err), fmt.Errorf("NAT-PMP: %w", err2))
}
