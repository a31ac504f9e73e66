// Package msp stands above mdp.
package msp
