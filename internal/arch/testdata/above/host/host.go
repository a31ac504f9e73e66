// Package host stands above the line, where all this is at home.
package host

import (
	"encoding/binary"
	"os"
	"sync"
	"time"
)

var mu sync.Mutex

func run(m map[int]int) chan time.Time {
	c := make(chan time.Time, binary.Size(uint8(0)))
	go mu.Lock()
	for range m {
		c <- time.Now()
	}
	os.Getpid()
	return c
}
