// Package msp passes things through channels.
package msp

type stream struct {
	wake chan struct{} // law 5
}

func (s *stream) all(more func() <-chan int) { // law 5
	s.wake <- struct{}{} // law 5
	<-s.wake             // law 5
	select {             // law 5
	default:
	}
	for range more() { // law 5
	}
	close(s.wake) // law 5
}

func close2(close func(int)) { close(3) } // another close
