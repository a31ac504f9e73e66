package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

// exitCodes is the help about exit codes.
func exitCodes() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: `  0   done
  1   failed for another reason: disk full, a file that cannot be read
  2   wrong use: unknown verb or flag, something missing
  3   the node is not running
  4   no such peer, or a name that fits several
  5   no way to the peer, or no answer in time
  6   refused: by the other user, by a rule, or by file permissions
  7   verification failed: a damaged key file, content that does not fit its hash
  8   interrupted: the same command goes on where it stopped
  9   wrong configuration or scenario
 10   it ran, and something was found: expectations of a simulation failed
130   stopped by Ctrl-C, with nothing to go on with`}
}

// schemas is the help about JSON documents.
func schemas() *cobra.Command {
	var b strings.Builder
	b.WriteString("With --json a verb prints one document, or one on each line as things happen. Each says in \"schema\" what it is.\n" +
		"Within a version fields are only added. Errors are told on stderr, and by the exit code (caracal help exit-codes).\n\n")
	for _, s := range client.Schemas {
		fmt.Fprintf(&b, "  %-23s  %s\n", s[0], s[1])
	}
	return &cobra.Command{Use: "json", Short: "What --json prints", Long: strings.TrimRight(b.String(), "\n")}
}
