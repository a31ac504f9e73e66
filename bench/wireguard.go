//go:build peers

package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os/exec"

	"golang.org/x/crypto/curve25519"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
)

func init() { transports["wireguard"] = transport{wireguardServe, wireguardPrepare} }

const (
	wireguardServer = "10.94.0.2"
	wireguardClient = "10.94.0.1"
)

// wireguardKey is the private key of the server (2) or of the client (1).
func wireguardKey(number byte) (private, public string) {
	key := [32]byte{'w', 'g', number, 31: 64}
	pub, err := curve25519.X25519(key[:], curve25519.Basepoint)
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(key[:]), hex.EncodeToString(pub)
}

// tunnel brings wireguard-go up in the namespace.
func tunnel(own byte, addr, config string) error {
	t, err := tun.CreateTUN("wg0", device.DefaultMTU)
	if err != nil {
		return err
	}
	d := device.NewDevice(t, conn.NewDefaultBind(), device.NewLogger(device.LogLevelError, ""))
	private, _ := wireguardKey(own)
	_, other := wireguardKey(3 - own)
	if err := d.IpcSet("private_key=" + private + "\n" + config + "public_key=" + other + "\nallowed_ip=10.94.0.0/24\n"); err != nil {
		return err
	}
	if err := d.Up(); err != nil {
		return err
	}
	return inNamespace(addr+"/24", "wg0")
}

// inNamespace gives the interface its address, and has it up.
func inNamespace(addr, iface string) error {
	for _, args := range [][]string{{"addr", "add", addr, "dev", iface}, {"link", "set", iface, "up"}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %s", args, out)
		}
	}
	return nil
}

// wireguardServe takes TCP connections through wireguard-go.
func wireguardServe(c config, ready func()) error {
	if err := tunnel(2, wireguardServer, fmt.Sprintf("listen_port=%s\n", port(c.listen))); err != nil {
		return err
	}
	c.listen = wireguardServer + ":4443"
	return tcpServe(c, ready)
}

func wireguardPrepare(_ context.Context, c config) (peer, error) {
	_, other := wireguardKey(2)
	err := tunnel(1, wireguardClient, "public_key="+other+"\nendpoint="+c.peer+"\n")
	return newTCPPeer(wireguardServer + ":4443"), err
}
