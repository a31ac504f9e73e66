package portmap

import (
	"context"
	"net"
	"net/netip"
	"time"

	natpmp "github.com/jackpal/go-nat-pmp"
)

// natpmpPatience is how long one request to the gateway may take: repeated after 250 ms, doubling (RFC 6886 §3.1).
const natpmpPatience = 1500 * time.Millisecond

// grantNATPMP asks the gateway for a mapping by NAT-PMP (RFC 6886).
func grantNATPMP(ctx context.Context, gateway netip.Addr, port uint16) (mapping, error) {
	client := natpmp.NewClientWithTimeout(net.IP(gateway.AsSlice()), natpmpPatience)
	outer, err := client.GetExternalAddress()
	if err != nil || ctx.Err() != nil {
		return mapping{}, errNone
	}
	granted, err := client.AddPortMapping("udp", int(port), int(port), int(lease.Seconds()))
	if err != nil {
		return mapping{}, err
	}
	return mapping{
		outer: netip.AddrPortFrom(netip.AddrFrom4(outer.ExternalIPAddress), granted.MappedExternalPort),
		lasts: max(time.Duration(granted.PortMappingLifetimeInSeconds)*time.Second, time.Minute), by: "NAT-PMP",
		renew: func(ctx context.Context) (mapping, error) { return grantNATPMP(ctx, gateway, port) },
		remove: func(context.Context) error {
			_, err := client.AddPortMapping("udp", int(port), 0, 0) // RFC 6886 §3.4
			return err
		},
	}, nil
}
