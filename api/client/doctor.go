package client

import (
	"context"
	"net/url"
	"time"

	"github.com/caracal-mesh/caracal/internal/doctor"
)

// SchemaDoctor is the schema of a Doctor.
const SchemaDoctor = "caracal.doctor/1"

// A Doctor is what was found out about what works and what does not. Its texts are escaped.
type Doctor struct {
	Schema string    `json:"schema"`
	Time   time.Time `json:"time"`
	doctor.Report
}

// DoctorOf makes the document of a report.
func DoctorOf(r doctor.Report) Doctor {
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Section, f.Text, f.Why = Printable(f.Section), Printable(f.Text), Printable(f.Why)
		for j := range f.Commands {
			f.Commands[j] = Printable(f.Commands[j])
		}
	}
	return Doctor{SchemaDoctor, time.Now().UTC().Truncate(time.Second), r}
}

// Doctor examines the node, and with peer "" all peers that should be there, else that one. With
// machine also what could be seen without a node.
func (c *Client) Doctor(ctx context.Context, peer string, machine bool) (d Doctor, err error) {
	q := url.Values{"peer": {peer}}
	if !machine {
		q.Set("machine", "false")
	}
	return d, c.get(ctx, "/v1/doctor", q, &d)
}
