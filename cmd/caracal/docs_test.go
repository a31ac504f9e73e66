package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caracal-mesh/caracal/internal/config"
)

// guides are the documents whose commands are looked at.
func guides(t *testing.T) []string {
	list, err := filepath.Glob("../../docs/guide/*.md")
	if err != nil || len(list) < 8 {
		t.Fatal("no guides", err)
	}
	return append(list, "../../README.md", "../../docs/pi-adhoc.md", "../../docs/simnet.md", "../../docs/security.md")
}

// commandLine finds "caracal WORDS…" in a line of a session, behind a prompt or a pipe.
var commandLine = regexp.MustCompile(`(?:^|[|;&(] *|\$ +(?:sudo )?|^(?:sudo )?(?:bin/)?)caracal ([^#|;&>)]*)`)

// Every command that the documents show can be typed: there are such verbs and flags, and arguments as many (ux 1.3).
func TestCommandsInTheDocumentsExist(t *testing.T) {
	seen := 0
	for _, path := range guides(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(data), "\n") {
			if !strings.HasPrefix(line, "    ") {
				for _, code := range regexp.MustCompile("`(caracal [^`]*)`").FindAllStringSubmatch(line, -1) {
					seen += typed(t, path, i+1, code[1], false)
				}
				continue
			}
			line, _, _ = strings.Cut(line, "  #")
			line, _, _ = strings.Cut(line, "   (")
			seen += typed(t, path, i+1, strings.TrimSpace(line), true)
		}
	}
	if seen < 80 {
		t.Errorf("only %d commands found: the test has seen nothing", seen)
	}
}

// typed checks the commands of a line; whole says that it could be typed as it stands.
func typed(t *testing.T, path string, at int, line string, whole bool) (n int) {
	for _, m := range commandLine.FindAllStringSubmatch(line, -1) {
		words := strings.Fields(m[1])
		if len(words) == 0 || strings.Contains(m[1], "…") || words[0] == "help" {
			continue
		}
		for i := range words {
			words[i] = strings.Trim(words[i], `"'`)
		}
		n++
		if err := parses(words, whole); err != nil {
			t.Errorf("%s:%d: caracal %s: %v", path, at, m[1], err)
		}
	}
	return n
}

// parses reports what is wrong with a command line, without running it.
func parses(words []string, whole bool) error {
	c := &command{out: os.Stdout, err: os.Stderr}
	root := c.root()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if cmd == root {
		return fail(2, "there is no verb %s", words[0])
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	args := cmd.Flags().Args()
	if cmd.Name() == "set" {
		if _, ok := config.Find(strings.Join(args[:min(1, len(args))], "")); !ok && args[0] != "KEY" {
			return fail(2, "there is no key %v", args)
		}
	}
	if whole && cmd.Args != nil {
		return cmd.ValidateArgs(args)
	}
	return nil
}

// The reference names every key, with the words of the program.
func TestTheReferenceNamesEveryKey(t *testing.T) {
	data, err := os.ReadFile("../../docs/guide/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range config.Keys {
		if want := "- `" + k.Name + "` — " + k.Help + "\n"; !strings.Contains(string(data), want) {
			t.Errorf("docs/guide/configuration.md lacks: %s", want)
		}
	}
}

// Links between the documents lead somewhere.
func TestLinksInTheDocumentsLeadSomewhere(t *testing.T) {
	for _, path := range guides(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(data), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: nothing at %s", path, m[1])
			}
		}
	}
}
