package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/internal/config"
	"github.com/caracal-mesh/caracal/packaging"
)

// unitName is that of the unit, of the system and of users.
const unitName = "caracal.service"

// A unit is where a service is kept, and how it is spoken to.
type unit struct {
	c      *command
	system bool
}

func (c *command) service() *cobra.Command {
	var u unit
	u.c = c
	cmd := &cobra.Command{
		Use: "service", Short: "Start the node with the machine, or at login (systemd)",
		Long: "Without --system it is your own node, as a user unit: files arrive in ~/Caracal. With --system it is the machine's, as the user\n" +
			"\"caracal\", in " + systemHome + "; that needs root. The Debian package does that by itself.",
	}
	cmd.PersistentFlags().BoolVar(&u.system, "system", false, "the unit of the system, as root")
	cmd.AddCommand(u.install(), u.remove(), u.logs(), c.firstBoot())
	return cmd
}

func (u *unit) install() *cobra.Command {
	return &cobra.Command{
		Use: "install", Short: "Install the unit, and start it", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, text, err := u.file()
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return err
			}
			if self, err = filepath.EvalSymlinks(self); err != nil {
				return err
			}
			home, named, err := u.c.homeDir()
			if err != nil {
				return err
			}
			for _, path := range []string{self, home} {
				if strings.ContainsAny(path, " \t\n%\"'\\$") {
					return fail(client.Failed, "a unit of systemd cannot have the path %s. Choose one without spaces and quotes.", client.Printable(path))
				}
			}
			text = strings.ReplaceAll(text, "/usr/bin/caracal", self)
			if named && home != systemHome && !u.system {
				text = strings.Replace(text, "[Service]\n", "[Service]\nEnvironment=CARACAL_HOME="+home+"\n", 1)
			}
			if err := u.account(cmd.Context()); err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return fail(client.Failed, "cannot make %s", plain(err))
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				return u.denied(err)
			}
			if n, err := u.c.node(); err == nil && !u.system && n.Running(cmd.Context()) {
				if err := n.Down(cmd.Context()); err != nil {
					return err
				}
			}
			for _, args := range [][]string{{"daemon-reload"}, {"enable", "--now", unitName}} {
				if err := u.systemctl(cmd.Context(), args...); err != nil {
					return err
				}
			}
			u.c.done("caracal runs as a service (%s). Try: caracal status\n", client.Printable(tilde(path)))
			if !u.system {
				u.c.say("It starts at login. From boot on: loginctl enable-linger\n")
			}
			return nil
		},
	}
}

func (u *unit) remove() *cobra.Command {
	return &cobra.Command{
		Use: "remove", Short: "Stop and remove the unit; identity and files stay", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, _, err := u.file()
			if err != nil {
				return err
			}
			if !isThere(path) {
				return fail(client.Failed, "there is no %s. Nothing was removed.", client.Printable(tilde(path)))
			}
			_ = u.systemctl(cmd.Context(), "disable", "--now", unitName) // it may be neither
			if err := os.Remove(path); err != nil {
				return u.denied(err)
			}
			if err := u.systemctl(cmd.Context(), "daemon-reload"); err != nil {
				return err
			}
			u.c.done("the service is removed; identity and files stay\n")
			return nil
		},
	}
}

func (u *unit) logs() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use: "logs", Short: "What the node has logged: as a service, or in the background", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			home, _, err := u.c.homeDir()
			if err != nil {
				return err
			}
			path, _, err := u.file()
			if log := filepath.Join(home, "caracal.log"); err != nil || !isThere(path) && !u.system && home != systemHome {
				args := []string{"-n", "50", log}
				if follow {
					args = append([]string{"-f"}, args...)
				}
				if !isThere(log) {
					return fail(client.Failed, "there is no log yet: %s", client.Printable(tilde(log)))
				}
				return u.run(cmd.Context(), "tail", args...)
			}
			args := []string{"-u", unitName, "-n", "50", "--no-pager"}
			if !u.system && home != systemHome {
				args = append([]string{"--user"}, args...)
			}
			if follow {
				args = append(args, "-f")
			}
			return u.run(cmd.Context(), "journalctl", args...)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on showing what comes")
	return cmd
}

// file is the unit's file and text.
func (u *unit) file() (path, text string, err error) {
	if runtime.GOOS != "linux" {
		return "", "", fail(client.Failed, "services are for systemd, which this machine does not have. Start at login: caracal up")
	}
	if u.system {
		return "/etc/systemd/system/" + unitName, packaging.SystemUnit, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", "", fail(client.Failed, "this user has no folder for configuration: %v", err)
	}
	return filepath.Join(dir, "systemd", "user", unitName), packaging.UserUnit, nil
}

// account makes the user that the system's node runs as.
func (u *unit) account(ctx context.Context) error {
	if !u.system {
		return nil
	}
	if os.Geteuid() != 0 {
		return fail(client.Refused, "that needs root: sudo caracal service install --system. Without --system it is your own node.")
	}
	if exec.CommandContext(ctx, "id", "caracal").Run() == nil {
		return nil
	}
	return u.run(ctx, "useradd", "--system", "--user-group", "--home-dir", systemHome, "--no-create-home", "--shell", "/usr/sbin/nologin", "caracal")
}

func (u *unit) systemctl(ctx context.Context, args ...string) error {
	if !u.system {
		args = append([]string{"--user"}, args...)
	}
	return u.run(ctx, "systemctl", args...)
}

// run runs a program of the system, and tells what it said when it fails.
func (u *unit) run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, u.c.out, u.c.err
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return fail(client.Failed, "there is no %s: services are for systemd. Start without it: caracal up", name)
	}
	if err != nil && ctx.Err() == nil {
		return fail(client.Failed, "%s %s failed: %v", name, strings.Join(args, " "), err)
	}
	return ctx.Err()
}

func (u *unit) denied(err error) error {
	if os.IsPermission(err) {
		return fail(client.Refused, "%s. As root: sudo caracal service … --system", plain(err))
	}
	return fail(client.Failed, "%s", plain(err))
}

// bootFiles are where whoever writes the card of a Raspberry Pi can put a configuration.
var bootFiles = []string{"/boot/firmware/caracal.toml", "/boot/caracal.toml"}

// firstBoot takes such a file over: once, then it is called .done, and a bad one .wrong.
func (c *command) firstBoot() *cobra.Command {
	var from []string
	var to string
	cmd := &cobra.Command{
		Use: "first-boot", Short: "Take over the configuration from the boot partition of a new card (the unit does this)", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			for _, path := range from {
				data, err := os.ReadFile(path)
				if err != nil {
					continue
				}
				if err := config.Check(path, data); err != nil {
					text := badConfig(err).Error()
					_ = os.WriteFile(path+".wrong.txt", []byte(text+"\nMend caracal.toml and start again.\n"), 0o644)
					return fail(client.BadConfig, "%s", text)
				}
				if isThere(to) {
					_ = os.Rename(to, to+".before")
				}
				if err := config.Write(to, data); err != nil {
					return c.cannotWrite(to, err)
				}
				if err := errors.Join(os.Chmod(filepath.Dir(to), 0o755), os.Chmod(to, 0o644), os.Rename(path, path+".done")); err != nil {
					return fail(client.Failed, "%s", plain(err))
				}
				_ = os.Remove(path + ".wrong.txt")
				c.done("took over %s as %s\n", client.Printable(path), client.Printable(to))
				return nil
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&from, "from", bootFiles, "where it may be")
	cmd.Flags().StringVar(&to, "to", systemConfig, "the configuration file")
	return cmd
}
