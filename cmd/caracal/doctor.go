package main

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/internal/doctor"
)

func (c *command) doctor() *cobra.Command {
	var fix bool
	cmd := &cobra.Command{
		Use: "doctor [PEER]", Short: "Find out why nodes do not find or reach each other",
		Long: "Looks at this machine, at the running node and at its peers, says what is wrong, what shows it, and which command mends it.\n" +
			"Exit code 10 when there is a problem, 0 when there are at most hints. As root it can read the firewall's rules too.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			peer := strings.Join(args, "")
			d, err := c.examine(cmd.Context(), peer)
			if err != nil {
				return err
			}
			if fix && c.mend(cmd.Context(), &d) {
				if d, err = c.examine(cmd.Context(), peer); err != nil {
					return err
				}
			}
			if c.json {
				err = c.document(d)
			} else {
				c.doctorText(&d)
			}
			if err == nil && d.Problems > 0 {
				return exit(client.FindingsMade)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "run the commands that mend what can be mended safely, and look again")
	return cmd
}

// examine looks at the machine as this user, and lets the node, if it runs, look at itself.
func (c *command) examine(ctx context.Context, peer string) (d client.Doctor, err error) {
	home, named, err := c.homeDir()
	if err != nil {
		return d, err
	}
	n := client.New(home)
	p := doctor.Patient{Home: home, Files: filesDir(home, named), Version: version, Listen: host.DefaultListen}
	st, err := n.Status(ctx)
	if err == nil {
		p.Files = st.Self.Files
	} else if !notRunning(err) || peer != "" {
		return d, err
	}
	machine := doctor.Machine(ctx, p)
	if err != nil { // it does not run
		down := doctor.Finding{Section: "node", Check: "running", Level: doctor.Problem, Text: "caracal is not running", Commands: []string{"caracal up"}}
		return client.DoctorOf(doctor.Join(doctor.Report{Findings: []doctor.Finding{down}}, machine)), nil
	}
	machine.Findings = slices.DeleteFunc(machine.Findings, func(f doctor.Finding) bool { return f.Check == "port" })
	node, err := n.Doctor(ctx, peer, false)
	if err != nil {
		return d, err
	}
	if f := doctor.Skew(st.Self.Version, version); f != nil {
		machine.Findings = append(machine.Findings, *f)
	}
	return client.DoctorOf(doctor.Join(node.Report, machine)), nil
}

// mend runs the commands that are safe. It reports whether any was run.
func (c *command) mend(ctx context.Context, d *client.Doctor) (any bool) {
	for _, f := range d.Findings {
		if f.Level == doctor.OK || !f.Safe {
			continue
		}
		for _, line := range f.Commands {
			c.say("%s: %s\n  running: %s\n", f.Section, f.Text, line)
			if os.Geteuid() == 0 {
				line = strings.ReplaceAll(line, "sudo ", "")
			}
			shell := exec.CommandContext(ctx, "sh", "-c", line)
			shell.Stdin, shell.Stdout, shell.Stderr = os.Stdin, c.err, c.err
			if err := shell.Run(); err != nil {
				c.say("  that did not work: %v\n", err)
			}
			any = true
		}
	}
	return any
}

// marks stand before findings.
var marks = map[doctor.Level]string{doctor.OK: "✓", doctor.Unknown: "?", doctor.Hint: "!", doctor.Problem: "✗"}

func (c *command) doctorText(d *client.Doctor) {
	section := ""
	for _, f := range d.Findings {
		label := ""
		if f.Section != section {
			section, label = f.Section, f.Section
		}
		c.doctorLine(label, c.coloured(f.Level, marks[f.Level])+" ", f.Text)
		if f.Level == doctor.OK {
			continue
		}
		if f.Why != "" {
			c.doctorLine("", "    ", f.Why)
		}
		for i, line := range f.Commands {
			lead := "    fix: "
			if i > 0 {
				lead = "         "
			}
			c.printf("%-12s%s%s\n", "", lead, line)
		}
	}
	switch {
	case d.Problems+d.Hints == 0:
		c.printf("all is well\n")
	default:
		c.printf("%s, %s\n", counted(d.Problems, "problem"), counted(d.Hints, "hint"))
	}
}

// doctorLine prints a text behind a label, broken at the terminal's width.
func (c *command) doctorLine(label, lead, text string) {
	for i, line := range wrap(text, c.width()-12-4) {
		if i > 0 {
			label, lead = "", strings.Repeat(" ", max(2, len(lead)/4*4))
		}
		c.printf("%-12s%s%s\n", label, lead, line)
	}
}

// coloured gives a mark its colour, where colours are wanted.
func (c *command) coloured(level doctor.Level, mark string) string {
	colours := map[doctor.Level]string{doctor.OK: "32", doctor.Hint: "33", doctor.Problem: "31"}
	if !c.colours() || colours[level] == "" {
		return mark
	}
	return "\x1b[" + colours[level] + "m" + mark + "\x1b[0m"
}

func counted(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return itoa(n) + " " + what + "s"
}
