package main

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// Nobody may ever ask for the exit code of a node that has ended, as in a container whose first process is no init.
func TestAProcessThatHasEndedIsNotAlive(t *testing.T) {
	c := exec.Command("true")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); alive(c.Process.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it counts as alive until it is asked for its exit code")
		}
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if !alive(os.Getpid()) {
		t.Error("we are not alive")
	}
}
