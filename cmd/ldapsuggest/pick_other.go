//go:build !linux

package main

import (
	"errors"
	"os"
)

// rawMode is known for Linux only; elsewhere a choice is made by a line.
func rawMode(*os.File) (restore func(), err error) {
	return nil, errors.New("not supported on this system")
}

func windowSize(*os.File) (rows, columns int) { return 24, 80 }

func resizes() (resized <-chan os.Signal, stop func()) { return nil, func() {} }
