package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

// sessions are the terminal sessions that the tests run.
func sessions(t *testing.T) string {
	t.Helper()
	list, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(list) == 0 {
		t.Fatal("no scripts", err)
	}
	var all strings.Builder
	for _, path := range list {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}

// runnable are all verbs that do something, as they are typed behind "caracal".
func runnable() (list []string) {
	c := &command{out: os.Stdout, err: os.Stderr}
	root := c.root()
	root.InitDefaultCompletionCmd()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Runnable() && cmd != root {
			list = append(list, strings.TrimPrefix(cmd.CommandPath(), "caracal "))
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return list
}

// notTyped are the verbs that no script types, and who does.
var notTyped = map[string]string{
	"demo":       "make demo; it takes half a minute",
	"exit-codes": "help exit-codes",
	"json":       "help json",
}

// Every verb is typed in a session, with what it prints (ux 6.5).
func TestEveryVerbIsInASession(t *testing.T) {
	text := sessions(t)
	for _, verb := range runnable() {
		typed := regexp.MustCompile(`(?m)\b(?:caracal|exec sh with\.sh [ab]) ` + verb + `(?:\s|$|['"\x60)])`).MatchString(text)
		if _, excused := notTyped[verb]; !typed && !excused {
			t.Errorf("nobody types caracal %s", verb)
		}
	}
}

// notShown are schemas that no script sees, and who does.
var notShown = map[string]string{
	client.SchemaTopology: "package web: it is drawn",
	client.SchemaMTR:      "test/netns/why.sh",
}

// Every schema that "help json" tells of stands in a session, and there is no other (ux 3.2).
func TestEverySchemaIsInASession(t *testing.T) {
	text := sessions(t)
	var told []string
	for _, s := range client.Schemas {
		told = append(told, s[0])
		if _, excused := notShown[s[0]]; !excused && !strings.Contains(text, s[0]) {
			t.Errorf("no session shows %s", s[0])
		}
	}
	for _, m := range regexp.MustCompile(`caracal\.[a-z.-]+/[0-9]+`).FindAllString(text, -1) {
		if m != "caracal.files/1" && m != client.SchemaError && !slices.Contains(told, m) {
			t.Errorf("caracal help json does not tell of %s", m)
		}
	}
}
