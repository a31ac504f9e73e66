package simnet

// Jump moves each of the hosts so far at once, in a direction that chance gives it.
func (w *World) Jump(far Length, hosts ...*Host) {
	for _, h := range hosts {
		d := newDice(w.seed, "step "+w.Elapsed().String()+" "+h.name)
		h.MoveTo(h.place.to(d, far))
	}
}

// to is a place so far away in a direction that the dice give: whole numbers, the same on every machine.
func (p Place) to(d dice, far Length) Place {
	const side = 1 << 20
	for {
		x, y := int64(d.below(2*side+1))-side, int64(d.below(2*side+1))-side
		if long := int64(root(uint64(x*x + y*y))); long > 0 && long <= side {
			return Place{p.X + Length(int64(far)*x/long), p.Y + Length(int64(far)*y/long)}
		}
	}
}

// step lets the nodes of a [[move]] go from place to place in jumps.
func (r *run) step(m *MoveTable) {
	hosts := r.world.hostsNamed(match(m.Nodes, r.scenario.nodeNames))
	for _, at := range repeated(m.T, m.Every, m.Until) {
		r.world.At(Epoch.Add(at), func() {
			r.world.Jump(Length(m.Step), hosts...)
			r.routes.disturbed("step " + m.Nodes)
		})
	}
}
