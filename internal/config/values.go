package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/BurntSushi/toml"
)

// maxFile bounds the file, in bytes.
const maxFile = 1 << 20

// A Value is what a key is set to, and by whom.
type Value struct {
	Value  any    // string, bool or []string
	Origin string // "default", "FILE:LINE", "$VARIABLE", or "--flag"
}

// Values are the values of all keys, by name.
type Values map[string]Value

// An Error is one thing wrong in a configuration, and where.
type Error struct {
	Where string // "FILE:LINE", "$VARIABLE"
	What  string
}

func (e *Error) Error() string { return e.Where + ": " + e.What }

// Load gives every key its value: the default, or what the file says, or what the environment says (looked
// up by getenv). No file is as good as an empty one. The errors are *Error, all that there are, joined.
func Load(path string, getenv func(string) string) (Values, error) {
	v := Values{}
	for _, k := range Keys {
		v[k.Name] = Value{k.Default, "default"}
	}
	data, err := read(path)
	if err != nil {
		return v, err
	}
	errs := v.file(path, data)
	for _, k := range Keys {
		text := getenv(k.variable())
		if text == "" {
			continue
		}
		value, err := k.Parse(text)
		if err != nil {
			errs = append(errs, &Error{"$" + k.variable(), err.Error()})
			continue
		}
		v[k.Name] = Value{value, "$" + k.variable()}
	}
	return v, errors.Join(errs...)
}

func read(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err == nil && info.Size() > maxFile {
		return nil, &Error{path, "longer than a configuration can be"}
	}
	if err != nil {
		return nil, &Error{path, plain(err)}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &Error{path, plain(err)}
	}
	return data, nil
}

// Check tells all that is wrong with the text of a file.
func Check(path string, data []byte) error { return errors.Join(Values{}.file(path, data)...) }

// file takes what the text says.
func (v Values) file(path string, data []byte) (errs []error) {
	var doc map[string]any
	if _, err := toml.Decode(string(data), &doc); err != nil {
		var bad toml.ParseError
		if errors.As(err, &bad) {
			return []error{&Error{fmt.Sprintf("%s:%d", path, bad.Position.Line), bad.Message}}
		}
		return []error{&Error{path, err.Error()}}
	}
	flat := map[string]any{}
	flatten(flat, "", doc)
	names := make([]string, 0, len(flat))
	for name := range flat {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return line(data, a) - line(data, b) })
	for _, name := range names {
		where := fmt.Sprintf("%s:%d", path, line(data, name))
		key, ok := Find(name)
		if !ok {
			what := fmt.Sprintf("unknown key %q", name)
			if near := Nearest(name); near != "" {
				what += fmt.Sprintf(" — did you mean %q?", near)
			}
			errs = append(errs, &Error{where, what})
			continue
		}
		value, err := key.typed(flat[name])
		if err == nil {
			err = key.Check(value)
		}
		if err != nil {
			errs = append(errs, &Error{where, err.Error()})
			continue
		}
		v[name] = Value{value, where}
	}
	return errs
}

// flatten names what is in tables by "table.key".
func flatten(into map[string]any, prefix string, table map[string]any) {
	for name, value := range table {
		if sub, ok := value.(map[string]any); ok && len(sub) > 0 {
			flatten(into, prefix+name+".", sub)
		} else if !ok || prefix != "" {
			into[prefix+name] = value
		} else if !knownSection(name) {
			into[name] = value
		}
	}
}

func knownSection(name string) bool {
	return slices.ContainsFunc(Keys, func(k Key) bool { return strings.HasPrefix(k.Name, name+".") })
}

// typed is the value that TOML gave, of the key's own type.
func (k Key) typed(value any) (any, error) {
	switch v := value.(type) {
	case string:
		if k.Kind == Text {
			return v, nil
		}
	case bool:
		if k.Kind == Switch {
			return v, nil
		}
	case []any:
		list := make([]string, 0, len(v))
		for _, item := range v {
			if s, ok := item.(string); ok {
				list = append(list, s)
			}
		}
		if k.Kind == List && len(list) == len(v) {
			return list, nil
		}
	}
	return nil, fmt.Errorf("%s must be %s", k.Name, [...]string{"a text in quotes", "true or false", "a list of texts, such as [\"a\", \"b\"]"}[k.Kind])
}

// Set overrides a value by a flag.
func (v Values) Set(name string, value any, origin string) {
	if _, ok := Find(name); !ok {
		panic("BUG: no key " + name)
	}
	v[name] = Value{value, origin}
}

// Text, Switch and List give the value of a key.
func (v Values) Text(name string) string { return v[name].Value.(string) }

// Switch is Text for switches.
func (v Values) Switch(name string) bool { return v[name].Value.(bool) }

// List is Text for lists.
func (v Values) List(name string) []string { return v[name].Value.([]string) }

// Path is Text with ~ made the user's home folder.
func (v Values) Path(name string) string {
	path := v.Text(name)
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || rest[0] == '/') {
		if dir, err := os.UserHomeDir(); err == nil {
			return filepath.Join(dir, rest)
		}
	}
	return path
}

func plain(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
