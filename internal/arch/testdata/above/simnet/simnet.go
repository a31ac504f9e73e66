// Package simnet stands above the line, but its time is virtual too.
package simnet

import (
	"encoding/binary"
	"os"
	"time"
)

func run(m map[int]int) {
	_ = binary.Size(uint8(0))
	go os.Getpid() // law 5
	_ = time.Now() // law 1
	for range m {  // law 10
	}
}
