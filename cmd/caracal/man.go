package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/caracal-mesh/caracal/api/client"
)

// manDate is the date in the pages: of the last change to what they say, so that they are the same from every build.
const manDate = "November 28, 2026"

func (c *command) man() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "man [VERB…]", Short: "Print a manual page, or write all of them into a folder",
		Long:    "Prints the manual page of a verb, of caracal itself without one, in the language of mandoc and groff.",
		Example: "  caracal man send | man -l -\n  caracal man --dir /usr/local/share/man/man1",
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			if dir != "" {
				return writePages(root, dir)
			}
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 || about == nil {
				return fail(client.Usage, "there is no verb \"%s\". Which there are: caracal help", client.Printable(strings.Join(args, " ")))
			}
			page(c.out, about)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write the pages of all verbs here")
	return cmd
}

// writePages writes a file for every verb.
func writePages(cmd *cobra.Command, dir string) error {
	var b bytes.Buffer
	page(&b, cmd)
	path := filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fail(client.Failed, "cannot write %s", plain(err))
	}
	for _, sub := range cmd.Commands() {
		if sub.Hidden || sub.Name() == "help" || sub.Name() == "completion" {
			continue
		}
		if err := writePages(sub, dir); err != nil {
			return err
		}
	}
	return nil
}

// page writes one manual page as mdoc(7).
func page(w io.Writer, cmd *cobra.Command) {
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p(".Dd %s\n.Dt %s 1\n.Os", manDate, strings.ToUpper(name))
	p(".Sh NAME\n.Nm %s\n.Nd %s", name, roff(lowerFirst(cmd.Short)))
	p(".Sh SYNOPSIS\n.Nm %s", cmd.CommandPath())
	if words := strings.Fields(cmd.Use)[1:]; len(words) > 0 {
		p(".Op Ar options\n.Ar %s", roff(strings.Join(words, " ")))
	} else if cmd.HasAvailableSubCommands() {
		p(".Ar verb\n.Op Ar options")
	} else {
		p(".Op Ar options")
	}
	p(".Sh DESCRIPTION")
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	text(w, long)
	if cmd.HasAvailableSubCommands() {
		p(".Pp\nVerbs:\n.Bl -tag -width Ds")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" {
				p(".It Ic %s", roff(sub.Use))
				sentences(w, sub.Short+".")
			}
		}
		p(".El")
	}
	manFlags(w, cmd.NonInheritedFlags(), "The options are:")
	manFlags(w, cmd.InheritedFlags(), "Options of every verb:")
	p(".Sh EXIT STATUS\n.Bl -tag -width Ds")
	for _, line := range strings.Split(exitCodes().Long, "\n") {
		code, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		p(".It %s", code)
		sentences(w, strings.TrimSpace(what)+".")
	}
	p(".El")
	if cmd.Example != "" {
		p(".Sh EXAMPLES\n.Bd -literal")
		for _, line := range strings.Split(cmd.Example, "\n") {
			p("%s", roff(strings.TrimPrefix(line, "  ")))
		}
		p(".Ed")
	}
	if cmd.HasParent() {
		p(".Sh SEE ALSO\n.Xr %s 1", strings.ReplaceAll(cmd.Parent().CommandPath(), " ", "-"))
	}
}

// manFlags lists flags.
func manFlags(w io.Writer, flags *pflag.FlagSet, title string) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(w, ".Pp\n%s\n.Bl -tag -width Ds\n", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		arg, usage := pflag.UnquoteUsage(f)
		names := "Fl \\-" + f.Name
		if f.Shorthand != "" {
			names = "Fl " + f.Shorthand + " , " + names
		}
		if arg != "" {
			names += " Ar " + arg
		}
		fmt.Fprintf(w, ".It %s\n", names)
		sentences(w, upperFirst(usage)+".")
	})
	fmt.Fprintln(w, ".El")
}

// text writes paragraphs; what is indented stays as it is.
func text(w io.Writer, long string) {
	for i, part := range strings.Split(strings.Trim(long, "\n"), "\n\n") {
		if i > 0 && !strings.HasPrefix(part, " ") {
			fmt.Fprintln(w, ".Pp")
		}
		words := ""
		literal := false
		for _, line := range strings.Split(part, "\n") {
			if indented := strings.HasPrefix(line, " "); indented != literal {
				sentences(w, words)
				words, literal = "", indented
				fmt.Fprintln(w, map[bool]string{true: ".Bd -literal", false: ".Ed"}[literal])
			}
			if literal {
				fmt.Fprintln(w, roff(line))
			} else {
				words += " " + line
			}
		}
		sentences(w, words)
		if literal {
			fmt.Fprintln(w, ".Ed")
		}
	}
}

// pageWidth is how long a line of a page's source may be, in characters.
const pageWidth = 70

// sentences writes a text, a sentence to a line.
func sentences(w io.Writer, text string) {
	line := ""
	flush := func() {
		for _, l := range wrap(line, pageWidth) {
			if l != "" {
				fmt.Fprintln(w, roff(l))
			}
		}
		line = ""
	}
	for _, word := range strings.Fields(text) {
		line += " " + word
		if end := strings.TrimRight(word, ")\""); strings.HasSuffix(end, ".") || strings.HasSuffix(end, "?") || strings.HasSuffix(end, "!") {
			flush()
		}
	}
	flush()
}

// roff escapes what mandoc would obey.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "…", `\&...`, "—", `\(em`, "–", `\(en`, "→", `\(->`, "←", `\(<-`, "×", `\(mu`, "✗", `\&x`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
