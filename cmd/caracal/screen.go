package main

import (
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// plainWidth is how wide text is broken where there is no terminal, in characters.
const plainWidth = 120

// width is how many characters a line may have.
func (c *command) width() int {
	if isTerminal(c.out) {
		if w, _, err := term.GetSize(int(c.out.Fd())); err == nil && w > 20 {
			return w
		}
	}
	return plainWidth
}

// colours reports whether the output may have colours: on a terminal, unless --no-color or NO_COLOR
// (no-color.org) says otherwise.
func (c *command) colours() bool {
	return !c.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(c.out)
}

// wrap breaks a text between words into lines of at most so many characters; longer words stay whole.
func wrap(text string, most int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > most {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func itoa(n int) string { return strconv.Itoa(n) }
