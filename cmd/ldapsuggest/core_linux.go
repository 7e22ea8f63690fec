package main

import (
	"errors"

	"golang.org/x/sys/unix"
)

// forbidCoreDumps keeps the kernel from writing the memory of the process to a
// file should it crash, and processes of the same user from reading it. Where
// the kernel pipes dumps to a program, it does so whatever the limit on their
// size is: only the attribute of the process keeps it from that.
func forbidCoreDumps() error {
	return errors.Join(
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
	)
}
