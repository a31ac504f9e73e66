package main

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// A table is rows of columns that stand under each other.
type table [][]string

func (t *table) add(cells ...string) { *t = append(*t, cells) }

// gap is the space between columns; leastColumn how narrow one may become, in characters.
const gap, leastColumn = 3, 5

// print writes the table. On a terminal that is too narrow columns stand closer, then the spare ones are left out, in that order and
// named by their heads, then the widest give way: no line is broken.
func (t table) print(c *command, spare ...string) {
	between := gap
	widths := t.widths()
	if isTerminal(c.out) {
		if most, _, err := term.GetSize(int(c.out.Fd())); err == nil {
			t, widths, between = t.fit(most, spare)
		}
	}
	for _, row := range t {
		var b strings.Builder
		for i, cell := range row {
			cell = cut(cell, widths[i])
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+between))
			}
		}
		c.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
}

// fit makes a table at most so wide, if that can be.
func (t table) fit(most int, spare []string) (fitted table, widths []int, between int) {
	widths, between = t.widths(), gap
	wide := func() bool { return sum(widths)+between*(len(widths)-1) > most }
	if wide() {
		between = gap - 1
	}
	for at := 0; at < len(spare) && wide(); at++ {
		for len(widths) > len(t[0]) { // hints beside the table
			t = t.without(len(widths) - 1)
			widths = t.widths()
		}
		if i := slices.Index(t[0], spare[at]); i >= 0 && wide() {
			t = t.without(i)
			widths = t.widths()
		}
	}
	narrow(widths, most, between)
	return t, widths, between
}

// without is the table without one column.
func (t table) without(column int) table {
	less := make(table, len(t))
	for i, row := range t {
		if less[i] = row; column < len(row) {
			less[i] = slices.Delete(slices.Clone(row), column, column+1)
		}
	}
	return less
}

// widths are those of the columns.
func (t table) widths() (widths []int) {
	for _, row := range t {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// narrow takes from the widest columns until all fit, but for a screen where nothing does.
func narrow(widths []int, most, between int) {
	for sum(widths)+between*(len(widths)-1) > most {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= leastColumn {
			return
		}
		widths[widest]--
	}
}

func sum(list []int) (n int) {
	for _, x := range list {
		n += x
	}
	return n
}
