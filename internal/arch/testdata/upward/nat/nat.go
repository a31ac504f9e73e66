// Package nat stands beside overlay.
package nat

import _ "github.com/caracal-mesh/caracal/internal/arch/testdata/upward/overlay" // law 11
