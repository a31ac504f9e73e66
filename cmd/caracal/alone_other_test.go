//go:build !linux

package main

func alone() {}
