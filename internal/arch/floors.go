package arch

import "strings"

// line is the floor of node: what stands here or beneath knows no time, sockets,
// goroutines or files.
const line = 70

// floors says where each package stands; a package not listed stands where its
// parent does. Tens, so that there is room between (house §2).
var floors = map[string]int{
	"sid":             0,
	"link":            0,
	"internal/agenda": 0,
	"internal/trace":  0,
	"internal/ring":   0,
	"internal/replay": 0,
	"internal/rtt":    0,
	"internal/near":   0,

	"internal/wire":    10,
	"internal/session": 20,

	"overlay":      30,
	"nat":          30,
	"internal/kad": 30,
	"serval":       30,

	"mdp":    40,
	"msp":    50,
	"secure": 60,
	"bus":    60,
	"node":   line,

	"internal/udp":     75,
	"internal/lan":     75,
	"internal/portmap": 75,
	"internal/pcapng":  75,

	"host":   80,
	"simnet": 80,
	"share":  80,
	"pair":   80,

	"internal/doctor": 85,
	"internal/config": 85,
	"packaging":       85,

	"api":              90,
	"internal/metrics": 95, // so do they
	"web":              95, // it knows the node through api/client

	"cmd": 100,

	"internal/arch": 110, // tools, examples and tests look at everything
	"examples":      110,
	"test":          110,
}

// outside are packages made only for tests: nothing but a test imports them, and
// they keep no law.
var outside = map[string]bool{
	"internal/agenda/agendatest": true,
}

// exceptions are imports between neighbours on one floor, with the reason.
var exceptions = map[string]map[string]string{
	"internal/trace": {
		"sid":  "events name nodes",
		"link": "events name paths",
	},
}

// apart are packages that must not know each other although one stands above the
// other: it declares the small interface it stands on, and node plugs them together.
var apart = map[string][]string{
	"mdp":    {"overlay", "nat", "serval"},
	"msp":    {"overlay", "nat", "serval", "internal/session"},
	"secure": {"overlay", "nat", "serval", "internal/session", "mdp"},
	"bus":    {"overlay", "nat", "serval", "internal/session"},
}

// home finds the listed package that pkg is or stands within.
func home(pkg string) (listed string, floor int, ok bool) {
	for listed = pkg; ; {
		if floor, ok = floors[listed]; ok {
			return listed, floor, true
		}
		slash := strings.LastIndexByte(listed, '/')
		if slash < 0 {
			return "", 0, false
		}
		listed = listed[:slash]
	}
}
