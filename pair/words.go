package pair

import "strings"

// words are those of codes, and those compared on both screens (spec P1.1): short, known to beginners of English, and
// different to the ear and in their first three letters as far as 256 can be.
var words = strings.Fields(`
acorn actor agent album alley alpha amber anchor angel ankle apple april apron arena arrow aspen atlas attic
autumn avocado axle bacon badge bagel bamboo banjo barrel basket beacon beetle berry bishop bison blanket blossom
bonfire border bottle boulder bracket bread bridge bronze bucket buffalo butter cabin cactus camel candle canyon
carpet castle cedar cello chalk cherry chess chimney cider cinema circus citrus clover cobalt coconut comet copper
coral cotton cradle crystal cupboard curtain cymbal dagger daisy dancer decade delta desert diesel dinner dolphin
donkey dragon drummer eagle easel echo elbow elephant ember engine envelope fabric falcon feather fennel fiddle
finger flamingo flute forest fossil fountain galaxy garden garlic gazelle ginger giraffe glacier goblet granite
guitar hammer harbor hazel helmet heron hockey honey hotel husky iceberg igloo indigo insect iron island ivory
jacket jaguar jasmine jigsaw jockey jungle kayak kernel kettle kidney kiosk kitten koala ladder lagoon lantern
lemon leopard library lilac lizard lobster magnet mango maple marble meadow melon mentor meteor mirror monkey
mosaic muffin museum napkin nectar needle nickel ninja noodle nugget oak oasis ocean olive onion opera orange
orchid otter oxygen oyster paddle palace panda paper parrot pebble pepper piano picnic pilot pirate planet
plumber pocket polar pumpkin puzzle pyramid quartz quiver rabbit radar raisin raven ribbon river robot rocket
saddle salmon sapphire satin scarf sculptor shadow silver sparrow summit tango tavern temple thistle thunder tiger
timber toffee tomato torch tractor trumpet tulip tunnel turtle umbrella unicorn valley vanilla velvet violin volcano
waffle walnut walrus whistle willow window winter wizard yogurt zebra zigzag
`)

// index is the place of each word.
var index = func() map[string]int {
	m := make(map[string]int, len(words))
	for i, w := range words {
		m[w] = i
	}
	return m
}()
