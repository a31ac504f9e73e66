package simnet

// Partition splits the world: no packet passes between hosts of different
// groups, on any link. Hosts in no group reach everybody. It replaces an earlier
// partition.
func (w *World) Partition(groups ...[]*Host) {
	w.Heal()
	for i, group := range groups {
		for _, h := range group {
			h.group = i + 1
		}
	}
}

// Heal ends the partition.
func (w *World) Heal() {
	for _, h := range w.hosts {
		h.group = 0
	}
}

func separated(a, b *Host) bool {
	return a.group != b.group && a.group != 0 && b.group != 0
}
