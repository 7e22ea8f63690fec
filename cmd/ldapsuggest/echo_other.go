//go:build !linux

package main

import (
	"errors"
	"os"
)

// echoOff is known for Linux only; elsewhere what is typed is shown.
func echoOff(*os.File) (restore func(), err error) {
	return nil, errors.New("not supported on this system")
}
