// Package node stands above mdp.
package node
