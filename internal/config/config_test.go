package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func load(t *testing.T, text string, env map[string]string) (Values, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := Load(path, func(s string) string { return env[s] })
	for name, x := range v { // paths differ from run to run
		x.Origin = strings.Replace(x.Origin, path, "c.toml", 1)
		v[name] = x
	}
	if err != nil {
		err = &Error{"", strings.ReplaceAll(err.Error(), path, "c.toml")}
	}
	return v, err
}

func TestPrecedenceIsDefaultFileEnvironmentFlag(t *testing.T) {
	v, err := load(t, "[node]\nname = \"file\"\nrelay = false\n[discovery]\npeers = [\"a\", \"b:1\"]\n",
		map[string]string{"CARACAL_NODE_NAME": "env", "CARACAL_DISCOVERY_INTERFACES": "wlan*, !wlan9", "CARACAL_LOG_LEVEL": "debug"})
	if err != nil {
		t.Fatal(err)
	}
	v.Set("log.level", "warn", "--flag")
	for name, want := range map[string]Value{
		"node.name":            {"env", "$CARACAL_NODE_NAME"},
		"node.relay":           {false, "c.toml:3"},
		"node.listen":          {":4117", "default"},
		"discovery.peers":      {[]string{"a", "b:1"}, "c.toml:5"},
		"discovery.interfaces": {[]string{"wlan*", "!wlan9"}, "$CARACAL_DISCOVERY_INTERFACES"},
		"log.level":            {"warn", "--flag"},
	} {
		if !reflect.DeepEqual(v[name], want) {
			t.Errorf("%s = %+v, want %+v", name, v[name], want)
		}
	}
	if len(v) != len(Keys) {
		t.Errorf("%d values of %d keys", len(v), len(Keys))
	}
}

func TestNoFileIsAsGoodAsAnEmptyOne(t *testing.T) {
	none, err := Load(filepath.Join(t.TempDir(), "none"), func(string) string { return "" })
	empty, err2 := load(t, "", nil)
	if err != nil || err2 != nil || !reflect.DeepEqual(none, empty) {
		t.Errorf("%v %v\n%v\n%v", err, err2, none, empty)
	}
}

func TestMistakesAreToldWithTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"\n[discovery]\nmulticst = true\n":             `c.toml:3: unknown key "discovery.multicst" — did you mean "discovery.multicast"?`,
		"discovery.multicst = true\n":                  `c.toml:1: unknown key "discovery.multicst" — did you mean "discovery.multicast"?`,
		"relay = true\n":                               `c.toml:1: unknown key "relay" — did you mean "node.relay"?`,
		"[nodes]\nname = \"x\"\n":                      `c.toml:2: unknown key "nodes.name" — did you mean "node.name"?`,
		"[zebra]\n":                                    `c.toml:1: unknown key "zebra"`,
		"[node]\nrelay = \"yes\"\n":                    `c.toml:2: node.relay must be true or false`,
		"[node]\nname = 7\n":                           `c.toml:2: node.name must be a text in quotes`,
		"[discovery]\npeers = [\n  \"a\",\n  7,\n]\n":  `c.toml:2: discovery.peers must be a list of texts, such as ["a", "b"]`,
		"[node]\nname = \"a:b\"\n":                     `c.toml:2: node.name: "a:b" cannot be a name: it needs 1 to 63 printable bytes, no ":" or "/", and must not look like a SID`,
		"[files]\naccept = \"some\"\ndir = \"here\"\n": "c.toml:2: files.accept: \"some\" is none of ask, contacts, all, never\nc.toml:3: files.dir: \"here\" must begin with / or ~/",
		"[log]\nlevel = \"loud\"\n":                    `c.toml:2: log.level: "loud" is none of debug, info, warn, error`,
		"[node]\nname \"x\"\n":                         `c.toml:2: expected '.' or '=', but got '"' instead`,
	} {
		if _, err := load(t, text, nil); err == nil || strings.TrimPrefix(err.Error(), ": ") != want {
			t.Errorf("%q\n got %v\nwant %s", text, err, want)
		}
	}
	if _, err := load(t, "", map[string]string{"CARACAL_NODE_RELAY": "perhaps"}); err == nil || !strings.Contains(err.Error(), `$CARACAL_NODE_RELAY: node.relay is true or false, not "perhaps"`) {
		t.Error(err)
	}
}

func TestPutKeepsAllElse(t *testing.T) {
	for _, c := range []struct{ text, name, set, want string }{
		{"", "node.name", "pi", "[node]\nname = \"pi\"\n"},
		{"# mine\n[log]\nlevel = \"info\"  # for now\n", "log.level", "debug", "# mine\n[log]\nlevel = \"debug\"  # for now\n"},
		{"[node]\n# a\n\n[log]\n", "node.relay", "false", "[node]\nrelay = false\n# a\n\n[log]\n"},
		{"[log]\n", "node.name", "a \"b\"", "[log]\n\n[node]\nname = \"a \\\"b\\\"\"\n"},
		{"node.name = \"x\"\n", "node.name", "y", "node.name = \"y\"\n"},
		{"[discovery]\npeers = [\n  \"a\", # one\n  \"b\",\n]\nmdns = true\n", "discovery.peers", "c,d", "[discovery]\npeers = [\"c\", \"d\"]\nmdns = true\n"},
	} {
		key, _ := Find(c.name)
		value, err := key.Parse(c.set)
		if err != nil {
			t.Fatal(err)
		}
		got := Put([]byte(c.text), c.name, value)
		if string(got) != c.want {
			t.Errorf("%s = %s in %q:\n got %q\nwant %q", c.name, c.set, c.text, got, c.want)
		}
		v := Values{}
		if errs := v.file("f", got); errs != nil || !reflect.DeepEqual(v[c.name].Value, value) {
			t.Errorf("%q reads back as %v, %v", got, v[c.name], errs)
		}
	}
}

func TestTheTemplateIsValidAndNamesAllKeys(t *testing.T) {
	text := string(Template())
	if err := Check("t", []byte(text)); err != nil {
		t.Error(err)
	}
	v := Values{}
	if errs := v.file("t", []byte(strings.ReplaceAll(text, "\n# ", "\n"))); errs != nil || len(v) != len(Keys) {
		t.Errorf("without its hashes: %d keys, %v", len(v), errs)
	}
	for _, k := range Keys {
		if err := k.Check(k.Default); err != nil {
			t.Errorf("its own default: %v", err)
		}
	}
}

// What Put makes of a valid file is valid, and says what was put.
func FuzzPut(f *testing.F) {
	f.Add("[node]\nname = \"x\" # c\n", "y")
	f.Add("discovery.peers = [\n\"a\"]\n", "z")
	f.Fuzz(func(t *testing.T, text, name string) {
		if Check("f", []byte(text)) != nil {
			return
		}
		key, _ := Find("node.name")
		if value, err := key.Parse(name); err == nil {
			v := Values{}
			if errs := v.file("f", Put([]byte(text), "node.name", value)); errs == nil && v["node.name"].Value != name {
				t.Errorf("%q and %q: %v", text, name, v["node.name"])
			}
		}
	})
}
