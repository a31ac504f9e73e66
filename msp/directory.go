package msp

import (
	"io"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// PortServices is the port at which every node tells which services it has (spec M16.3).
const PortServices = 1

// maxTelling is how many streams of one peer are told that at once.
const maxTelling = 16

// A ServiceInfo is a service and a protocol that a peer listens to, and what it says about them.
type ServiceInfo struct {
	Service, Protocol string
	About             About
}

// AskServices asks a peer which services it has: each is to be read by ReadService. Errors as Dial.
func (e *Engine) AskServices(now time.Time, local, remote sid.SID) (*Stream, error) {
	s, err := e.Dial(now, local, remote, Target{Port: PortServices})
	if err != nil {
		return nil, err
	}
	return s, s.CloseWrite(now)
}

// ReadService reads the next service off a stream of AskServices: ErrWouldBlock while there is none yet, io.EOF after
// the last, ErrViolation for what is no service. They come by service, then protocol.
func ReadService(now time.Time, s *Stream) (ServiceInfo, error) {
	var buf [wire.MaxMSPService]byte
	n, err := s.ReadRecord(now, buf[:])
	if err != nil {
		return ServiceInfo{}, err
	}
	row, err := wire.ParseMSPService(buf[:n])
	if err != nil {
		return ServiceInfo{}, ErrViolation
	}
	return ServiceInfo{
		Service: row.Service, Protocol: row.Protocol,
		About: About{Service: row.AboutService, Protocol: row.AboutProtocol},
	}, nil
}

// ReadServices reads all of them. more is false when the last has come.
func ReadServices(now time.Time, s *Stream) (list []ServiceInfo, more bool, err error) {
	for {
		info, err := ReadService(now, s)
		switch err {
		case nil:
			list = append(list, info)
		case io.EOF:
			return list, false, nil
		case ErrWouldBlock:
			return list, true, nil
		default:
			return list, false, err
		}
	}
}

// tellServices answers who asks for services: a record for each that is not hidden, as many as a send buffer holds.
func (e *Engine) tellServices(now time.Time, s *Stream) {
	var row [wire.MaxMSPService]byte
	for _, l := range e.named {
		if l.about.Hidden || !l.at(s.a.pair.local) {
			continue
		}
		b := wire.AppendMSPService(row[:0], wire.MSPService{
			Service: l.key.target.Service, Protocol: l.key.target.Protocol,
			AboutService: l.about.Service, AboutProtocol: l.about.Protocol,
		})
		if s.send.free(s.a.sendBound()) <= len(b) {
			break
		}
		if _, err := s.WriteRecord(now, b); err != nil {
			break
		}
	}
	_ = s.Close(now) // nothing is asked but by opening
}
