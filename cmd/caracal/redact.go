package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A redactor replaces what tells who somebody is, by words that are the same for the same thing: so it still shows
// what belongs together.
type redactor struct {
	names map[string]string // what is replaced, and by what
	count map[string]int    // of each sort
}

func newRedactor() *redactor { return &redactor{names: map[string]string{}, count: map[string]int{}} }

// Of documents, the fields that hold names that people gave, to nodes, files or services.
var naming = map[string]string{
	"name": "name", "announced": "name", "via_name": "name", "from_name": "name", "peer_name": "name", "label": "name",
	"what": "file", "path": "file", "file": "file", "files": "folder", "home": "folder", "service": "service", "text": "text", "error": "text",
}

// What looks like a key, and the like; compiled when first asked for, which of all commands one does.
var (
	hexText     = pattern(`[0-9a-fA-F]{16,}`)
	baseText    = pattern(`[A-Za-z0-9+/_-]{40,}={0,2}`)
	addrText    = pattern(`[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}`)
	fileText    = pattern(`"?/(?:home|root|Users|tmp|var|media|mnt)/[^\s"]*"?`)
	quotedText  = pattern(`"[^"]*"|'[^']*'`)
	commentText = pattern(`#.*`)
)

func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// as gives the word for a text of a sort.
func (r *redactor) as(sort, text string) string {
	word, known := r.names[text]
	if !known {
		r.count[sort]++
		word = fmt.Sprintf("%s-%d", sort, r.count[sort])
		r.names[text] = word
	}
	return word
}

// learn goes through a document and notes all names in it, before anything is written.
func (r *redactor) learn(doc any, key string) {
	switch v := doc.(type) {
	case map[string]any:
		for k, x := range v {
			r.learn(x, k)
		}
	case []any:
		for _, x := range v {
			r.learn(x, key)
		}
	case string:
		if sort, yes := naming[key]; yes && len(v) > 1 {
			r.as(sort, v)
		}
		if hexText().FindString(v) == v && len(v) == 64 {
			r.names[v[:8]] = r.as("sid", v) // as logs show it
		}
	}
}

// document is a document with the names and keys in it replaced.
func (r *redactor) document(doc any, key string) any {
	switch v := doc.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = r.document(x, k)
		}
	case []any:
		for i, x := range v {
			v[i] = r.document(x, key)
		}
	case string:
		if sort, yes := naming[key]; yes && len(v) > 0 {
			return r.as(sort, v)
		}
		return r.text(v)
	}
	return doc
}

// json reads any document and writes it redacted.
func (r *redactor) json(doc any) ([]byte, error) {
	data, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	var any any
	if err := json.Unmarshal(data, &any); err != nil {
		return nil, err
	}
	r.learn(any, "")
	return json.MarshalIndent(r.document(any, ""), "", "  ")
}

// text is a text with what is known, and whatever looks like a key, a path or an address of the Internet, replaced.
func (r *redactor) text(s string) string {
	s = fileText().ReplaceAllStringFunc(s, func(t string) string { return r.as("file", t) })
	known := make([]string, 0, len(r.names))
	for name := range r.names {
		if len(name) > 1 && strings.Contains(s, name) {
			known = append(known, name)
		}
	}
	slices.SortFunc(known, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, name := range known {
		s = replaceWord(s, name, r.names[name])
	}
	s = hexText().ReplaceAllStringFunc(s, func(t string) string { return r.as("hex", t) })
	s = baseText().ReplaceAllStringFunc(s, func(t string) string { return r.as("code", t) })
	return addrText().ReplaceAllStringFunc(s, func(t string) string {
		a, err := netip.ParseAddr(t)
		if err != nil || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
			return t
		}
		return r.as("addr", t)
	})
}

// settings is a configuration file without comments and what is written in quotes, but for words that the program knows.
func (r *redactor) settings(s string) string {
	plain := []string{"ask", "contacts", "all", "never", "auto", "on", "off", "*", "debug", "info", "warn", "error", "text", "json", ""}
	s = quotedText().ReplaceAllStringFunc(s, func(t string) string {
		if inside := t[1 : len(t)-1]; slices.Contains(plain, inside) {
			return t
		}
		return `"` + r.as("text", t) + `"`
	})
	return r.text(commentText().ReplaceAllString(s, ""))
}

// replaceWord replaces a name where it is not a part of a longer word.
func replaceWord(s, name, by string) string {
	var b strings.Builder
	for {
		at := strings.Index(s, name)
		if at < 0 {
			return b.String() + s
		}
		end := at + len(name)
		inside := at > 0 && letter(s[at-1]) && letter(name[0]) || end < len(s) && letter(s[end]) && letter(name[len(name)-1])
		b.WriteString(s[:at])
		if inside {
			b.WriteString(name)
		} else {
			b.WriteString(by)
		}
		s = s[end:]
	}
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}
