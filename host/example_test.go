package host_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/caracal-mesh/caracal/host"
)

// A web server and its client, on two nodes of one process. On two machines of one
// network Config needs no more than a Home: they find each other.
func Example() {
	server := startNode("127.0.0.1:0")
	defer os.RemoveAll(server.Home())
	defer server.Close()
	client := startNode("127.0.0.1:0", fmt.Sprintf("127.0.0.1:%d", server.Port()))
	defer os.RemoveAll(client.Home())
	defer client.Close()

	listener, err := server.ListenPort(80)
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you asked for %s", r.URL.Path)
	}))

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for { // until the client has a way to the server
		if _, err := client.Ping(ctx, server.Self()); err == nil {
			break
		} else if ctx.Err() != nil {
			log.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	web := http.Client{Transport: &http.Transport{DialContext: client.DialContext}}
	answer, err := web.Get("http://" + server.Self().String() + ":80/wiki")
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	fmt.Println(string(body), err)

	// Output:
	// you asked for /wiki <nil>
}

// startNode runs a node in a home of its own that knows only the given peers.
func startNode(listen string, peers ...string) *host.Host {
	home, err := os.MkdirTemp("", "caracal-example-*")
	if err != nil {
		log.Fatal(err)
	}
	h, err := host.Start(context.Background(), host.Config{Home: home, Listen: listen, NoDiscovery: true, Peers: peers})
	if err != nil {
		log.Fatal(err)
	}
	return h
}
