package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/sid"
)

// Codes of the resets that carriers send.
const (
	codeLeft   = 0x4c454654 // the program left without a word
	codeFailed = 0x4641494c // the program could not do it; the reason says why
	codeDenied = 0x44454e59 // the offer is not for this peer
)

// A carrier carries bytes or datagrams between a stream of the mesh and a program of this machine.
type carrier struct {
	s         *Server
	c         *host.Conn
	t         *client.Tube
	peer      sid.SID
	service   string
	datagrams bool
}

// hijack makes a request a tube.
func (s *Server) hijack(w http.ResponseWriter, peer sid.SID) (*client.Tube, error) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+client.TubeProtocol+
		"\r\nCaracal-Peer: "+peer.String()+"\r\nCaracal-Name: "+url.QueryEscape(s.nameOf(peer))+"\r\n\r\n")
	if err != nil {
		conn.Close()
		return nil, err
	}
	return client.NewTube(conn, buf.Reader), nil
}

// lastWord is how long what a program sent before it left may take on its way to the peer.
const lastWord = time.Second

// run carries until both directions have ended or one failed, or ctx ends.
func (k *carrier) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { k.t.Close() })
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1) // what became of the program's direction: nil when it ended well
	var done sync.WaitGroup
	done.Go(func() { k.out(ctx, ended) })
	err := k.in(ctx)
	if errors.Is(err, client.ErrCut) { // out knows better how to end: it reads what the program said last; unless it waits for the peer
		give := time.AfterFunc(lastWord, func() {
			cancel()
			k.t.Close()
			_ = k.c.SetWriteDeadline(time.Unix(1, 0)) // fails when out has closed it
		})
		done.Wait()
		give.Stop()
		cancel()
		k.t.Close()
		k.leave(err)
		return
	}
	if err == nil {
		_ = k.t.CloseWrite() // if the program is gone out notices
		err = <-ended
	}
	if err == nil {
		err = k.c.Flush()
	}
	if err == nil {
		_ = k.t.Deliver()
	} else {
		_ = k.t.Fail(k.s.streamError(k.peer, k.service, err))
	}
	cancel()
	k.t.Close()
	k.c.Close()
	done.Wait()
}

// out carries from the program to the peer.
func (k *carrier) out(ctx context.Context, ended chan<- error) {
	buf := make([]byte, client.MaxFrame)
	for {
		n, err := k.read(buf)
		if err == io.EOF {
			break
		}
		if err != nil {
			k.leave(err)
			ended <- err
			return
		}
		if k.datagrams {
			err = k.c.SendDatagram(ctx, buf[:n], false)
		} else {
			_, err = k.c.Write(buf[:n])
		}
		if err != nil {
			ended <- err
			return
		}
	}
	_ = k.c.CloseWrite() // that it has failed shows in Flush
	ended <- nil
	if err := k.t.Gone(); errors.As(err, new(*client.Error)) {
		k.leave(err)
	}
	k.c.Close()
}

// read reads bytes, or a datagram, of the program.
func (k *carrier) read(buf []byte) (int, error) {
	if k.datagrams {
		return k.t.ReadFrame(buf)
	}
	return k.t.Read(buf)
}

// leave resets the stream because the program cannot go on.
func (k *carrier) leave(err error) {
	var told *client.Error
	if errors.As(err, &told) {
		k.c.Reset(codeFailed, told.Text)
		return
	}
	k.c.Reset(codeLeft, "the program there has ended")
}

// in carries from the peer to the program, until the peer ends; nil when it ended well.
func (k *carrier) in(ctx context.Context) error {
	var done sync.WaitGroup
	if k.datagrams {
		ctx, cancel := context.WithCancel(ctx)
		done.Go(func() { k.inDatagrams(ctx) })
		defer done.Wait()
		defer cancel()
	}
	buf := make([]byte, client.MaxFrame)
	for {
		n, err := k.c.Read(buf)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case k.datagrams: // nobody sends bytes there
			continue
		}
		if _, err := k.t.Write(buf[:n]); err != nil {
			return client.ErrCut
		}
	}
}

func (k *carrier) inDatagrams(ctx context.Context) {
	buf := make([]byte, client.MaxFrame)
	for {
		n, err := k.c.RecvDatagram(ctx, buf)
		if errors.As(err, new(*msp.TruncatedError)) {
			continue // larger than any UDP datagram
		}
		if err != nil {
			return
		}
		if _, err := k.t.Write(buf[:n]); err != nil {
			return
		}
	}
}
