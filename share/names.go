package share

import (
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"
)

// partialDir holds what is not complete, below the files folder (spec F5.1).
const partialDir = ".caracal-partial"

// maxName is the longest path element in bytes (spec F6.1).
const maxName = 255

// safePath reports whether a received path may be used: "" when it may, else
// why not (spec F6.1).
func safePath(path string) string {
	if path == "" {
		return "empty name"
	}
	elements := strings.Split(path, "/")
	if strings.EqualFold(elements[0], partialDir) {
		return "reserved name"
	}
	for _, e := range elements {
		if why := safeName(e); why != "" {
			return why
		}
	}
	return ""
}

// safeName judges one path element.
func safeName(name string) string {
	switch {
	case name == "":
		return "empty name"
	case name == "." || name == "..":
		return "name leads out of its folder"
	case len(name) > maxName:
		return "name longer than 255 bytes"
	case !utf8.ValidString(name):
		return "name is not UTF-8"
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return "name ends in a dot or a space"
	case deviceName(name):
		return "name of a device on Windows"
	}
	for _, c := range name {
		if c == '\\' || unicode.IsControl(c) || turns(c) {
			return "name with a control character or backslash"
		}
		if runtime.GOOS == "windows" && strings.ContainsRune(`<>:"|?*`, c) {
			return "name not possible on Windows"
		}
	}
	return ""
}

// turns reports whether c changes the direction of writing: it can make
// "gpj.exe" look like "exe.jpg".
func turns(c rune) bool {
	return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069)
}

// deviceName reports whether Windows takes name, up to its first dot, for a device.
func deviceName(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	port, rest := base, ""
	if len(base) > 3 {
		port, rest = base[:3], base[3:]
	}
	if port != "COM" && port != "LPT" {
		return false
	}
	return (len(rest) == 1 && rest[0] >= '0' && rest[0] <= '9') || rest == "¹" || rest == "²" || rest == "³"
}

// numbered is the n-th name to try for a file: "a.bin", "a (2).bin", … (spec F6.3).
func numbered(name string, n int) string {
	if n <= 1 {
		return name
	}
	stem, ext := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && i > strings.LastIndexByte(name, '/')+1 {
		stem, ext = name[:i], name[i:]
	}
	return stem + " (" + itoa(n) + ")" + ext
}
