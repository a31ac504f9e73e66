package share

// Accept says whose files are taken without asking.
func (x *Exchange) Accept() Mode {
	if m, ok := x.mode.Load().(Mode); ok {
		return m
	}
	return x.cfg.Accept
}

// SetAccept changes whose files are taken without asking, from the next offer on.
func (x *Exchange) SetAccept(m Mode) { x.mode.Store(m) }
