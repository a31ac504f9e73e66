package directory

import (
	"net/netip"
	"strings"
	"unicode"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// Searchable is the bit of a tag by which its value may be searched for.
const Searchable = 1 << 15

// The tags that we know (spec N7.1).
const (
	TagHost     = 1 | Searchable
	TagOwner    = 2 | Searchable
	TagCity     = 3 | Searchable
	TagRegion   = 4 | Searchable
	TagCountry  = 5 | Searchable
	TagEndpoint = 6 // "address:port", one each
)

// A Profile is what a node tells of itself.
type Profile struct {
	Host, Owner, City, Region, Country string
	Endpoints                          []netip.AddrPort
	Extra                              []wire.Attribute // whatever else, kept as it is
}

// attributes are the profile as it travels. ErrTooLong when it is too long.
func (p *Profile) attributes() (list []wire.Attribute, err error) {
	for _, f := range p.fields() {
		if *f.value != "" {
			list = append(list, wire.Attribute{Tag: f.tag, Value: []byte(*f.value)})
		}
	}
	for _, e := range p.Endpoints {
		list = append(list, wire.Attribute{Tag: TagEndpoint, Value: []byte(e.String())})
	}
	list = append(list, p.Extra...)
	if wire.ProfileSize(list) > wire.MaxProfile || len(list) > wire.MaxAttributes {
		return nil, ErrTooLong
	}
	return list, nil
}

type field struct {
	tag   uint16
	value *string
}

func (p *Profile) fields() []field {
	return []field{{TagHost, &p.Host}, {TagOwner, &p.Owner}, {TagCity, &p.City}, {TagRegion, &p.Region}, {TagCountry, &p.Country}}
}

// profileOf reads a profile. Endpoints that are none are kept as they are.
func profileOf(list []wire.Attribute) (p Profile) {
	for _, a := range list {
		known := false
		for _, f := range p.fields() {
			if f.tag == a.Tag {
				*f.value, known = string(a.Value), true
			}
		}
		if e, err := netip.ParseAddrPort(string(a.Value)); a.Tag == TagEndpoint && err == nil {
			p.Endpoints, known = append(p.Endpoints, e), true
		}
		if !known {
			p.Extra = append(p.Extra, wire.Attribute{Tag: a.Tag, Value: append([]byte(nil), a.Value...)})
		}
	}
	return p
}

// words are those of two letters or more, in lower case.
func words(text string) (list []string) {
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		if len([]rune(w)) >= 2 {
			list = append(list, w)
		}
	}
	return list
}
