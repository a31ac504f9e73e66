package metrics

import (
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
)

// maxScrapes is how many are answered at once.
const maxScrapes = 4

// textFormat is what AppendText writes.
const textFormat = "text/plain; version=0.0.4; charset=utf-8"

var (
	helpEscapes  = strings.NewReplacer("\\", `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer("\\", `\\`, "\n", `\n`, `"`, `\"`)
)

// AppendText appends the family in the text format of Prometheus, version 0.0.4 (its documentation, "Exposition formats").
func (f *Family) AppendText(b []byte) []byte {
	b = append(b, "# HELP "+f.Name+" "+helpEscapes.Replace(f.Help)+"\n# TYPE "+f.Name+" "+f.Type+"\n"...)
	for _, s := range f.Samples {
		b = append(b, f.Name...)
		for i, value := range s.Labels {
			b = append(b, sep(i))
			b = append(b, f.Labels[i]+`="`+labelEscapes.Replace(value)+`"`...)
		}
		if len(s.Labels) > 0 {
			b = append(b, '}')
		}
		b = append(b, ' ')
		b = strconv.AppendFloat(b, s.Value, 'g', -1, 64)
		b = append(b, '\n')
	}
	return b
}

// sep stands before the label i.
func sep(i int) byte {
	if i == 0 {
		return '{'
	}
	return ','
}

// Handler answers Prometheus. Nothing but the path /metrics is served.
func Handler(node Node) http.Handler {
	scrapes := make(chan struct{}, maxScrapes)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		select {
		case scrapes <- struct{}{}:
			defer func() { <-scrapes }()
		default:
			http.Error(w, "others are asking at this moment", http.StatusServiceUnavailable)
			return
		}
		var text []byte
		for _, f := range Gather(r.Context(), node) {
			text = f.AppendText(text)
		}
		w.Header().Set("Content-Type", textFormat)
		w.Header().Set("Vary", "Accept-Encoding")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			_, _ = w.Write(text)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(text)
		_ = z.Close()
	})
	return mux
}
