package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// onAir puts fakes at the given distances along a road on one radio channel.
func onAir(seed uint64, cfg RadioConfig, metres ...Length) (w *World, fakes []*fake, l *Link) {
	w = New(seed)
	var hosts []*Host
	for i, x := range metres {
		f := addFake(w, string(rune('a'+i)))
		f.host.MoveTo(Place{X: x * Metre})
		fakes, hosts = append(fakes, f), append(hosts, f.host)
	}
	return w, fakes, w.Radio("air", cfg, hosts...)
}

var slowRadio = RadioConfig{LinkConfig: LinkConfig{Rate: 80_000}, Range: 100 * Metre}

func TestRadioReachesOnlyThoseInRange(t *testing.T) {
	w, f, l := onAir(1, slowRadio, 0, 100, 101)
	f[0].send(link.Path{Iface: 1}, 5, 100)
	f[0].send(l.Path(f[0].host, f[2].host), 1, 100)
	w.Run(time.Second)
	if len(f[1].got) != 5 || len(f[2].got) != 0 {
		t.Errorf("heard %d and %d, want 5 and 0", len(f[1].got), len(f[2].got))
	}
	if c := l.Counters(); c.Dropped[DropRange] != 1 {
		t.Errorf("dropped %v, want one out of range", c.Dropped)
	}
	f[2].host.MoveTo(Place{X: 50 * Metre})
	f[0].send(l.Path(f[0].host, f[2].host), 1, 100)
	w.Run(time.Second)
	if len(f[2].got) != 1 {
		t.Error("not heard after coming near")
	}
}

// TestRadioTakesAirtime: 100 bytes at 80 kbit/s are 10 ms, and everybody in range
// shares them.
func TestRadioTakesAirtime(t *testing.T) {
	w, f, l := onAir(2, slowRadio, 0, 50, 90)
	f[0].send(l.Path(f[0].host, f[1].host), 30, 100)
	f[2].send(l.Path(f[2].host, f[1].host), 30, 100)
	w.Run(500 * time.Millisecond)
	if n := len(f[1].got); n > 50 || n < 20 {
		t.Errorf("%d arrived within 500 ms, where 50 are the most that fit", n)
	}
	w.Run(2 * time.Second)
	c := l.Counters()
	if lost := c.Dropped[DropCollision]; len(f[1].got) < 50 || lost > 10 {
		t.Errorf("%d of 60 arrived, %d collided: they did not listen before they sent", len(f[1].got), lost)
	}
}

// TestHiddenStationsCollide: a and c do not notice each other, and b hears both.
// By default they notice, and little is lost.
func TestHiddenStationsCollide(t *testing.T) {
	cfg := slowRadio
	cfg.Sense = 100 * Metre
	w, f, l := onAir(3, cfg, 0, 90, 180)
	f[0].send(l.Path(f[0].host, f[1].host), 30, 500)
	f[2].send(l.Path(f[2].host, f[1].host), 30, 500)
	w.Run(10 * time.Second)
	if c := l.Counters(); c.Dropped[DropCollision] < 40 {
		t.Errorf("%d of 60 collided, want most of them; b heard %d", c.Dropped[DropCollision], len(f[1].got))
	}
	w, f, l = onAir(3, slowRadio, 0, 90, 180)
	f[0].send(l.Path(f[0].host, f[1].host), 30, 500)
	f[2].send(l.Path(f[2].host, f[1].host), 30, 500)
	w.Run(10 * time.Second)
	if c := l.Counters(); c.Dropped[DropCollision] > 6 {
		t.Errorf("%d of 60 collided although they notice each other", c.Dropped[DropCollision])
	}
}

// TestWhoSendsHearsNothing: two stations that begin at one instant miss each other.
func TestWhoSendsHearsNothing(t *testing.T) {
	w, f, l := onAir(4, slowRadio, 0, 10)
	for range 200 {
		f[0].send(link.Path{Iface: 1}, 1, 20)
		f[1].send(link.Path{Iface: 1}, 1, 20)
		w.Run(100 * time.Millisecond)
	}
	c := l.Counters()
	if deaf := c.Dropped[DropDeaf]; deaf < 2 || deaf > 40 || c.Delivered+deaf != 400 {
		t.Errorf("%d missed, %d heard: want about one time in 32", deaf, c.Delivered)
	}
}

func TestLossGrowsWithDistance(t *testing.T) {
	cfg := slowRadio
	cfg.EdgeLoss, cfg.Queue = 0.8, 1e6
	w, f, l := onAir(5, cfg, 0, 10, 84, 100) // 84 % of the range: half of the loss at the edge
	f[0].send(link.Path{Iface: 1}, 4000, 10)
	w.Run(time.Minute)
	for i, want := range []int{4000, 2400, 800} {
		if got := len(f[i+1].got); got < want-150 || got > want+150 {
			t.Errorf("at %v m %d of 4000 arrived, want about %d", f[i+1].host.Place().X/Metre, got, want)
		}
	}
	if c := l.Counters(); c.Drops() != c.Dropped[DropLoss] {
		t.Errorf("dropped %v, want losses only", c.Dropped)
	}
}

func TestRadioQueueIsBoundedAndDiesWithItsHost(t *testing.T) {
	cfg := slowRadio
	cfg.Queue = 1000
	w, f, l := onAir(6, cfg, 0, 10)
	f[0].send(l.Path(f[0].host, f[1].host), 30, 100)
	w.Run(time.Millisecond)
	if c := l.Counters(); c.Dropped[DropQueue] != 20 {
		t.Errorf("%d found no room, want 20", c.Dropped[DropQueue])
	}
	w.Run(50 * time.Millisecond)
	f[0].host.Stop()
	w.Run(time.Second)
	if n := len(f[1].got); n > 5 || l.ports[0].station.bytes != 0 {
		t.Errorf("%d packets of a dead host arrived, %d bytes are left", n, l.ports[0].station.bytes)
	}
	f[0].host.Start()
	f[0].send(l.Path(f[0].host, f[1].host), 1, 100)
	before := len(f[1].got)
	w.Run(time.Second)
	if len(f[1].got) != before+1 {
		t.Error("the host came back mute")
	}
}

func TestDownFromCutsOneDirection(t *testing.T) {
	w, a, b, l := pair(7, LinkConfig{})
	l.DownFrom(a.host)
	a.send(l.Path(a.host, b.host), 3, 10)
	b.send(l.Path(b.host, a.host), 3, 10)
	w.Run(time.Second)
	if len(b.got) != 0 || len(a.got) != 3 {
		t.Errorf("a heard %d, b heard %d, want 3 and 0", len(a.got), len(b.got))
	}
	l.Up()
	a.send(l.Path(a.host, b.host), 3, 10)
	w.Run(time.Second)
	if len(b.got) != 3 {
		t.Error("still cut after Up")
	}
}

// TestBurstsAreBursts: the losses are as many as the times say, and come together.
func TestBurstsAreBursts(t *testing.T) {
	w, a, b, l := pair(8, LinkConfig{Burst: Burst{Loss: 1, Every: 900 * time.Millisecond, Length: 100 * time.Millisecond}})
	const sent = 20_000
	for range sent {
		a.send(l.Path(a.host, b.host), 1, 10)
		w.Run(10 * time.Millisecond)
	}
	lost, runs, last := sent-len(b.got), 0, time.Duration(0)
	for _, got := range b.got {
		if got.at-last > 15*time.Millisecond {
			runs++
		}
		last = got.at
	}
	if lost < sent*8/100 || lost > sent*12/100 {
		t.Errorf("%d of %d lost, want a tenth", lost, sent)
	}
	if mean := float64(lost) / float64(runs); mean < 8 || mean > 14 {
		t.Errorf("%.1f packets lost in a row on average, want about 10.5", mean)
	}
	if c := l.Counters(); c.Dropped[DropBurst] != uint64(lost) {
		t.Errorf("dropped %v", c.Dropped)
	}
}

func TestExponentialHasItsMean(t *testing.T) {
	d, sum, beyond := newDice(9, "exponential"), time.Duration(0), 0
	const draws = 100_000
	for range draws {
		x := d.exponential(time.Second)
		if sum += x; x > 3*time.Second {
			beyond++
		}
	}
	if mean := sum / draws; mean < 990*time.Millisecond || mean > 1010*time.Millisecond {
		t.Errorf("mean %v, want 1 s", mean)
	}
	if beyond < draws*46/1000 || beyond > draws*54/1000 { // e^-3 = 4.98 %
		t.Errorf("%d of %d beyond three means, want about 4979", beyond, draws)
	}
}

func TestMovers(t *testing.T) {
	w := New(10)
	a, b := addFake(w, "a").host, addFake(w, "b").host
	w.Follow(a, Waypoint{10 * time.Second, Place{}}, Waypoint{20 * time.Second, Place{X: 100 * Metre, Y: -50 * Metre}})
	w.Roam(Roam{To: Place{1000 * Metre, 200 * Metre}, MinSpeed: Metre, MaxSpeed: 2 * Metre, Pause: 5 * time.Second}, b)
	for s := time.Duration(0); s <= 30; s++ {
		want := Place{X: 10 * Metre * Length(max(0, min(10, s-10))), Y: -5 * Metre * Length(max(0, min(10, s-10)))}
		if got := a.Place(); got != want {
			t.Fatalf("after %d s at %v, want %v", s, got, want)
		}
		w.Run(time.Second)
	}
	moved := 0
	for range 1000 {
		was := b.Place()
		w.Run(time.Second)
		now := b.Place()
		if now.X < 0 || now.X > 1000*Metre || now.Y < 0 || now.Y > 200*Metre {
			t.Fatalf("out of its area: %v", now)
		}
		if d := distance(was, now); d > 2*Metre+2 {
			t.Fatalf("%v mm in a second, at most 2000 allowed", d)
		} else if d > 0 {
			moved++
		}
	}
	if moved < 900 || moved == 1000 {
		t.Errorf("moved in %d of 1000 seconds, want most but for the pauses", moved)
	}
}

func TestBetweenHoldsForLongWays(t *testing.T) {
	const age = 1_000_000 * time.Hour
	for _, test := range []struct {
		a, b        Length
		part, whole time.Duration
		want        Length
	}{{0, 100, 1, 4, 25}, {100, 0, 1, 4, 75}, {-maxLength, maxLength, age / 2, age, 0}, {maxLength, -maxLength, age / 4, age, maxLength / 2}, {7, 7, 0, 1, 7}} {
		if got := between(test.a, test.b, test.part, test.whole); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}

func TestRoot(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 3, 4, 1<<32 - 1, 1 << 52, 1<<62 - 1, 1<<64 - 1, 999999999999999999} {
		r := root(n)
		if r*r > n || (r < 1<<32-1 && (r+1)*(r+1) <= n) {
			t.Errorf("root(%d) = %d", n, r)
		}
	}
}
