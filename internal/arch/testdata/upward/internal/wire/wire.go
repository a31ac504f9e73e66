// Package wire stands beneath everything but the names.
package wire
