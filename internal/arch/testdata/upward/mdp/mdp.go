// Package mdp imports upwards, and one that it should not know.
package mdp

import (
	_ "github.com/caracal-mesh/caracal/internal/arch/testdata/upward/internal/wire"
	_ "github.com/caracal-mesh/caracal/internal/arch/testdata/upward/msp"     // law 11
	_ "github.com/caracal-mesh/caracal/internal/arch/testdata/upward/node"    // law 11
	_ "github.com/caracal-mesh/caracal/internal/arch/testdata/upward/nowhere" // law 11
	_ "github.com/caracal-mesh/caracal/internal/arch/testdata/upward/overlay" // law 11
)
