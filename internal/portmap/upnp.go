package portmap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"
	"github.com/huin/goupnp/soap"
)

// maxDescription bounds what a router may say of itself, in bytes.
const maxDescription = 1 << 20

// errElsewhere: a router that is not on one of our links.
var errElsewhere = errors.New("portmap: not on a link of this machine")

// nearby speaks HTTP only with who is on one of our own links: whoever answers a search could name any address else.
var nearby = &http.Client{
	Timeout:       grantFor,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport: bounded{&http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			to, err := netip.ParseAddrPort(addr)
			if err != nil || !onLink(to.Addr()) {
				return nil, errElsewhere
			}
			var d net.Dialer
			return d.DialContext(ctx, network, addr)
		},
	}},
}

func init() { goupnp.HTTPClientDefault = nearby }

// A bounded transport cuts answers off at maxDescription.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxDescription), resp.Body}
	}
	return resp, err
}

// onLink reports whether an address is of a subnet of ours, and not our own loopback.
func onLink(ip netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil || ip.IsLoopback() {
		return false
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.Contains(net.IP(ip.Unmap().AsSlice())) {
			return true
		}
	}
	return false
}

// A connection is the router's service that maps ports, in any of its versions.
type connection interface {
	AddPortMappingCtx(ctx context.Context, host string, outer uint16, protocol string, inner uint16, client string, enabled bool, what string, lease uint32) error
	DeletePortMappingCtx(ctx context.Context, host string, outer uint16, protocol string) error
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
	GetServiceClient() *goupnp.ServiceClient
}

// askUPnP looks for a router by multicast on our links, and asks it for a mapping.
func askUPnP(ctx context.Context, port uint16) (mapping, error) {
	found, err := connections(ctx)
	if err == nil && len(found) == 0 {
		err = errNone
	}
	for _, c := range found {
		c.GetServiceClient().SOAPClient.HTTPClient = *nearby
		var m mapping
		if m, err = grantUPnP(ctx, c, port); err == nil {
			return m, nil
		}
	}
	return mapping{}, fmt.Errorf("UPnP: %w", err)
}

// connections finds all services that map ports.
func connections(ctx context.Context) (list []connection, err error) {
	one, _, err1 := internetgateway2.NewWANIPConnection1ClientsCtx(ctx)
	for _, c := range one {
		list = append(list, c)
	}
	if len(list) > 0 || ctx.Err() != nil {
		return list, nil
	}
	two, _, err2 := internetgateway2.NewWANIPConnection2ClientsCtx(ctx)
	for _, c := range two {
		list = append(list, c)
	}
	if err1 != nil && err2 != nil {
		return nil, err1
	}
	return list, nil
}

// The errors of AddPortMapping that another try may mend (UPnP WANIPConnection:1 §2.4.16.3).
const (
	errConflict      = 718 // the port is another's
	errOnlyPermanent = 725
)

func grantUPnP(ctx context.Context, c connection, port uint16) (mapping, error) {
	self, err := localTo(c.GetServiceClient().Location)
	if err != nil {
		return mapping{}, err
	}
	text, err := c.GetExternalIPAddressCtx(ctx)
	if err != nil {
		return mapping{}, err
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return mapping{}, fmt.Errorf("it tells no outer address: %w", err)
	}
	outer, lasts := port, lease
	for try := 0; ; try++ {
		err = c.AddPortMappingCtx(ctx, "", outer, "UDP", port, self.String(), true, "caracal", uint32(lasts.Seconds()))
		switch code := faultCode(err); {
		case err == nil:
			m := mapping{outer: netip.AddrPortFrom(ip, outer), lasts: lasts, by: "UPnP"}
			m.renew = func(ctx context.Context) (mapping, error) { return grantUPnP(ctx, c, port) }
			m.remove = func(ctx context.Context) error { return c.DeletePortMappingCtx(ctx, "", outer, "UDP") }
			if lasts == 0 {
				m.lasts = lease // it is looked at again, though it lasts
			}
			return m, nil
		case code == errOnlyPermanent && lasts > 0:
			lasts = 0
		case code == errConflict && try < maxPerPort:
			outer = uint16(20_000 + rand.IntN(40_000))
		default:
			return mapping{}, err
		}
	}
}

// faultCode is the router's number for an error, 0 when it gave none.
func faultCode(err error) int {
	var fault *soap.SOAPFaultError
	if errors.As(err, &fault) {
		return fault.Detail.UPnPError.Errorcode
	}
	return 0
}

// localTo is our address towards the router.
func localTo(location *url.URL) (netip.Addr, error) {
	conn, err := net.DialTimeout("udp", net.JoinHostPort(location.Hostname(), "1900"), time.Second) // sends nothing
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}
