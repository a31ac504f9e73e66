package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
)

// line is the line, from 1, on which a key is set; the first that names its table when it is not found.
func line(data []byte, name string) int {
	table, at := "", 1
	for i, text := range strings.Split(string(data), "\n") {
		text = strings.TrimSpace(text)
		if inner, ok := header(text); ok {
			table = inner + "."
			if strings.HasPrefix(name, table) || inner == name {
				at = i + 1
			}
			continue
		}
		if key, ok := assigned(text); ok && table+key == name {
			return i + 1
		}
	}
	return at
}

// header reads "[table]".
func header(text string) (table string, ok bool) {
	if !strings.HasPrefix(text, "[") {
		return "", false
	}
	table, _, ok = strings.Cut(strings.TrimLeft(text, "["), "]")
	return strings.TrimSpace(table), ok && !strings.Contains(table, "\"")
}

// assigned reads the key of "key = value".
func assigned(text string) (key string, ok bool) {
	key, _, ok = strings.Cut(text, "=")
	return strings.ReplaceAll(strings.Trim(strings.TrimSpace(key), `"'`), " ", ""), ok && !strings.HasPrefix(text, "#")
}

// Put gives a key a value in the text of a file; all else, comments too, stays. The text must be valid, and the value too.
func Put(data []byte, name string, value any) []byte {
	table, key, _ := strings.Cut(name, ".")
	setting := key + " = " + Literal(value)
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	if len(bytes.TrimSpace(data)) == 0 {
		lines = nil
	}
	if isSet(data, name) {
		at := line(data, name) - 1
		end := at + 1
		for end < len(lines) && !complete(strings.Join(lines[at:end], "\n")) {
			end++
		}
		if before, _, _ := strings.Cut(lines[at], "="); strings.Contains(before, ".") {
			setting = name + " = " + Literal(value)
		}
		return join(append(append(lines[:at:at], setting+comment(lines[at:end])), lines[end:]...))
	}
	for i, text := range lines {
		if inner, ok := header(strings.TrimSpace(text)); ok && inner == table {
			end := sectionEnd(lines, i+1)
			return join(append(append(lines[:end:end], setting), lines[end:]...))
		}
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	return join(append(lines, "["+table+"]", setting))
}

// sectionEnd is behind the last setting of the section that begins at the line.
func sectionEnd(lines []string, from int) int {
	end := from
	for i := from; i < len(lines); i++ {
		text := strings.TrimSpace(lines[i])
		if _, ok := header(text); ok {
			break
		}
		if text != "" && !strings.HasPrefix(text, "#") {
			end = i + 1
		}
	}
	return end
}

func isSet(data []byte, name string) bool {
	v := Values{}
	v.file("", data)
	_, ok := v[name]
	return ok
}

// complete reports whether a setting ends here: lists may have several lines.
func complete(text string) bool {
	var doc map[string]any
	_, err := toml.Decode(text, &doc)
	return err == nil
}

// comment is what stands behind the value of a one-line setting.
func comment(lines []string) string {
	if len(lines) != 1 {
		return ""
	}
	inside := byte(0)
	for i := range len(lines[0]) {
		switch c := lines[0][i]; {
		case inside == 0 && (c == '"' || c == '\''):
			inside = c
		case c == inside:
			inside = 0
		case c == '#' && inside == 0:
			return "  " + lines[0][i:]
		}
	}
	return ""
}

func join(lines []string) []byte { return []byte(strings.Join(lines, "\n") + "\n") }

// Edit gives a key a value in the file, which is made when there is none. What is in the file must be valid.
func Edit(path, name string, value any) error {
	data, err := read(path)
	if err != nil {
		return err
	}
	if err := Check(path, data); err != nil {
		return err
	}
	return Write(path, Put(data, name, value))
}

// Write replaces the file: after a crash there is the old one or the new one, whole.
func Write(path string, data []byte) error {
	if err := Check(path, data); err != nil {
		return err
	}
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".config-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// Template is a file with all keys in comments.
func Template() []byte {
	var b strings.Builder
	b.WriteString("# Configuration of caracal. What is commented out is the default; caracal config check looks for mistakes.\n")
	section := ""
	for _, k := range Keys {
		table, key, _ := strings.Cut(k.Name, ".")
		if table != section {
			section = table
			fmt.Fprintf(&b, "\n[%s]\n", table)
		}
		fmt.Fprintf(&b, "# %s = %s    # %s\n", key, Literal(k.Default), k.Help)
	}
	return []byte(b.String())
}
