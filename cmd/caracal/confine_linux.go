package main

import "github.com/landlock-lsm/go-landlock/landlock"

// confine takes from this process the right to write, make or remove anything but in the node's own folders, as far as
// the kernel can (Landlock): whatever a peer may make it do, the rest of the user's files stays as it is. Everything can be
// read, since the user sends and shares from anywhere.
func confine(home, files string) error {
	return landlock.V3.BestEffort().RestrictPaths(
		landlock.RODirs("/"),
		landlock.RWDirs(home, files).WithRefer(), // files move from the partial folder to theirs
		landlock.RWFiles("/dev/null").IgnoreIfMissing(),
	)
}
