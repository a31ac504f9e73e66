package host_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/msp"
)

// twoNodes starts two nodes of one process that know each other.
func twoNodes() (client, server *host.Host, done func()) {
	server = startNode("127.0.0.1:0")
	client = startNode("127.0.0.1:0", fmt.Sprintf("127.0.0.1:%d", server.Port()))
	return client, server, func() {
		client.Close()
		server.Close()
		os.RemoveAll(client.Home())
		os.RemoveAll(server.Home())
	}
}

// must keeps the examples short.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// A chat: each line is a record, and arrives as one. Lazy needs no way to the peer yet.
func ExampleNet_Dial() {
	alice, bob, done := twoNodes()
	defer done()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	chat := msp.Target{Service: "chat", Protocol: "lines/1"}

	l := must(bob.Listen(chat, msp.About{Service: "a chat with Bob"}))
	a := must(alice.Dial(ctx, bob.Self(), chat, host.Lazy()))
	a.WriteRecord([]byte("are you there?"))
	b := must(l.AcceptContext(ctx))
	line := make([]byte, 1000)
	n := must(b.ReadRecord(line))
	fmt.Printf("%s\n", line[:n])
	b.WriteRecord([]byte("yes"))
	n = must(a.ReadRecord(line))
	fmt.Printf("%s\n", line[:n])

	// Output:
	// are you there?
	// yes
}

// Requests, each on a substream of its own, so that none waits for another.
func ExampleConn_OpenSub() {
	client, server, done := twoNodes()
	defer done()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	shout := msp.Target{Service: "shout", Protocol: "1"}

	l := must(server.Listen(shout, msp.About{}))
	l.Subs(msp.ListenMode{Subs: msp.NoLimit})
	go func() {
		session := must(l.AcceptContext(ctx))
		for {
			request, err := session.AcceptSub(ctx)
			if err != nil {
				return
			}
			go func() {
				defer request.Close()
				text, _ := io.ReadAll(request)
				request.Write(bytes.ToUpper(text))
			}()
		}
	}()

	session := must(client.Dial(ctx, server.Self(), shout, host.Lazy()))
	for _, word := range []string{"hello", "mesh"} {
		request := must(session.OpenSub()) // no round trip
		io.WriteString(request, word)
		request.CloseWrite()
		fmt.Printf("%s\n", must(io.ReadAll(request)))
		request.Close()
	}

	// Output:
	// HELLO
	// MESH
}

// Voice: frames of 20 ms as datagrams, each sent once; and a record beside them that must arrive, before all else.
func ExampleConn_SendDatagram() {
	speaker, hearer, done := twoNodes()
	defer done()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	voice := msp.Target{Service: "voice", Protocol: "pcm/1"}

	l := must(hearer.Listen(voice, msp.About{}))
	l.Subs(msp.ListenMode{Subs: 50}) // a second of frames; more are old
	call := must(speaker.Dial(ctx, hearer.Self(), voice, host.Lazy(), host.Priority(msp.PriorityVoice)))
	call.WriteRecord([]byte("start"))
	ear := must(l.AcceptContext(ctx))
	frame := make([]byte, 320)
	n := must(ear.ReadRecord(frame))
	fmt.Printf("%s\n", frame[:n])
	for range 10 {
		call.SendDatagram(ctx, make([]byte, 320), false)
	}
	fmt.Println(must(ear.RecvDatagram(ctx, frame)), "bytes")

	// Output:
	// start
	// 320 bytes
}

// A file: io.Copy does it, and Flush means that the peer has it.
func ExampleConn_Flush() {
	from, to, done := twoNodes()
	defer done()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	files := msp.Target{Service: "copy", Protocol: "1"}

	l := must(to.Listen(files, msp.About{}))
	got := make(chan int64)
	go func() { got <- must(io.Copy(io.Discard, must(l.AcceptContext(ctx)))) }()
	c := must(from.Dial(ctx, to.Self(), files, host.Lazy()))
	io.Copy(c, strings.NewReader(strings.Repeat("file ", 200_000)))
	c.CloseWrite()
	fmt.Println(c.Flush(), <-got, "bytes")

	// Output:
	// <nil> 1000000 bytes
}

// features S66: thirty lines of a program that imports the module exchange records between two nodes in one process.
func TestS66ThirtyLinesExchangeRecords(t *testing.T) {
	a, b, done := twoNodes()
	defer done()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	to := msp.Target{Service: "records", Protocol: "1"}
	l := must(b.Listen(to, msp.About{}))
	go func() {
		c := must(l.AcceptContext(ctx))
		buf := make([]byte, 1000)
		for {
			n, err := c.ReadRecord(buf)
			if err != nil {
				c.Close()
				return
			}
			c.WriteRecord(buf[:n])
		}
	}()
	c := must(a.Dial(ctx, b.Self(), to, host.Lazy()))
	buf := make([]byte, 1000)
	for i := range 100 {
		want := strings.Repeat("x", i)
		c.WriteRecord([]byte(want))
		if n, err := c.ReadRecord(buf); err != nil || string(buf[:n]) != want {
			t.Fatalf("record %d: %d bytes, %v", i, n, err)
		}
	}
	c.Close()
}
