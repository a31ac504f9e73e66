// Records is the least program with the mesh in it: two nodes of one process exchange records.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/msp"
)

func main() {
	ctx, chat := context.Background(), msp.Target{Service: "chat", Protocol: "1"}
	bob := must(host.Start(ctx, host.Config{Home: must(os.MkdirTemp("", "bob-*")), Listen: "127.0.0.1:0", NoDiscovery: true}))
	alice := must(host.Start(ctx, host.Config{
		Home: must(os.MkdirTemp("", "alice-*")), Listen: "127.0.0.1:0", NoDiscovery: true,
		Peers: []string{fmt.Sprintf("127.0.0.1:%d", bob.Port())},
	}))
	listener := must(bob.Listen(chat, msp.About{}))
	asked := must(alice.Dial(ctx, bob.Self(), chat, host.Lazy()))
	must(0, asked.WriteRecord([]byte("Hello Bob")))

	answers, record := must(listener.AcceptContext(ctx)), make([]byte, 100)
	fmt.Printf("Bob hears %q\n", record[:must(answers.ReadRecord(record))])
	must(0, answers.WriteRecord([]byte("Hello "+answers.RemoteSID().Short())))
	fmt.Printf("Alice is who Bob greets: %v\n", string(record[:must(asked.ReadRecord(record))]) == "Hello "+alice.Self().Short())
	for _, node := range []*host.Host{alice, bob} {
		must(0, node.Close())
		must(0, os.RemoveAll(node.Home()))
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
