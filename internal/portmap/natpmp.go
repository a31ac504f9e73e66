package portmap

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	natpmp "github.com/jackpal/go-nat-pmp"
)

// natpmpPatience is how long one request to the gateway may take: repeated after 250 ms, doubling (RFC 6886 §3.1).
const natpmpPatience = 2 * time.Second

// askNATPMP asks the default gateway for a mapping. Routers that speak PCP answer NAT-PMP too (RFC 6887 §9).
func askNATPMP(ctx context.Context, port uint16) (mapping, error) {
	gateway, ok := defaultGateway()
	if !ok {
		return mapping{}, fmt.Errorf("NAT-PMP: %w", errNone)
	}
	client := natpmp.NewClientWithTimeout(net.IP(gateway.AsSlice()), natpmpPatience)
	ask := func(context.Context) (mapping, error) { return grantNATPMP(client, port) }
	m, err := ask(ctx)
	if err != nil {
		return m, fmt.Errorf("NAT-PMP: %w", err)
	}
	m.renew = func(ctx context.Context) (mapping, error) {
		next, err := ask(ctx)
		next.renew, next.remove = m.renew, m.remove
		return next, err
	}
	m.remove = func(context.Context) error {
		_, err := client.AddPortMapping("udp", int(port), 0, 0) // RFC 6886 §3.4
		return err
	}
	return m, nil
}

func grantNATPMP(client *natpmp.Client, port uint16) (mapping, error) {
	outer, err := client.GetExternalAddress()
	if err != nil {
		return mapping{}, errNone
	}
	granted, err := client.AddPortMapping("udp", int(port), int(port), int(lease.Seconds()))
	if err != nil {
		return mapping{}, err
	}
	return mapping{
		outer: netip.AddrPortFrom(netip.AddrFrom4(outer.ExternalIPAddress), granted.MappedExternalPort),
		lasts: max(time.Duration(granted.PortMappingLifetimeInSeconds)*time.Second, time.Minute), by: "NAT-PMP",
	}, nil
}
