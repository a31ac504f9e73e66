package simnet

import (
	"slices"
	"time"
)

// script puts what happens into the world's time.
func (r *run) script() {
	for i := range r.scenario.At {
		a := &r.scenario.At[i]
		key, target, _, _ := a.does()
		for _, t := range a.times() {
			r.world.At(Epoch.Add(t), func() { r.happens(a, key, target) })
			if key == "down" && a.Every > 0 {
				r.world.At(Epoch.Add(t+time.Duration(a.Every)/2), func() { r.happens(a, "up", target) })
			}
		}
	}
}

// happens does what an [[at]] says and writes it down.
func (r *run) happens(a *AtTable, key, target string) {
	what := key
	if target != "" {
		what += " " + target
	}
	if a.From != "" {
		what += " from " + a.From
	}
	names := match(target, r.scenario.nodeNames)
	if a.Pick > 0 {
		names = r.pick(names, a.Pick)
	}
	if r.nats[target] != nil && a.isOnNAT() {
		r.actOnNAT(key, target)
	} else if hosts := r.world.hostsNamed(names); !r.actOnLink(a, key, target) {
		for _, h := range hosts {
			r.actOnHost(key, h)
		}
	}
	r.tell.moment("script", "", what)
	r.routes.disturbed(what)
}

// pick draws so many of the names.
func (r *run) pick(names []string, count int) []string {
	names = slices.Clone(names)
	for i := range min(count, len(names)) {
		j := i + int(r.chance.below(uint64(len(names)-i)))
		names[i], names[j] = names[j], names[i]
	}
	return names[:min(count, len(names))]
}

// actOnLink does what is not about single hosts. It reports false for what is.
func (r *run) actOnLink(a *AtTable, key, target string) bool {
	w := r.world
	l, from := w.linkNames[target], w.byName[a.From]
	switch key {
	case "down":
		if from != nil {
			l.DownFrom(from)
		} else {
			l.Down()
		}
	case "up":
		l.Up()
	case "change":
		if from != nil {
			l.SetFrom(from, a.over(l.portOf(from).quality.LinkConfig))
		} else {
			l.Set(a.over(l.cfg))
		}
	case "unplug":
		l.Unplug(from)
	case "plug":
		l.Plug(from)
	case "partition":
		w.Partition(r.groups(a.Partition)...)
	case "heal":
		w.Heal()
	default:
		return false
	}
	return true
}

// actOnHost does what an [[at]] says to one host.
func (r *run) actOnHost(key string, h *Host) {
	switch key {
	case "kill":
		h.Stop()
	case "start", "restart", "replace":
		if key != "start" {
			h.Stop()
			h.newIdentity = key == "replace"
		}
		if !h.Running() {
			h.Start()
			r.apps[h].bind()
			r.call(h)
			r.tell.learn(h)
		}
	case "pause":
		h.Pause()
	case "resume":
		h.Resume()
	}
}
