// Package overlay stands beneath mdp.
package overlay
