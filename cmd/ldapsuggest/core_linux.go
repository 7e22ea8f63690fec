package main

import "golang.org/x/sys/unix"

// forbidCoreDumps keeps the kernel from writing the memory of the process to a
// file should it crash, and processes of the same user from reading it. Where
// the kernel pipes dumps to a program, it does so whatever the limit on their
// size is: only the attribute of the process keeps it from that.
func forbidCoreDumps() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	// That is enough. A service may not be allowed to change limits.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	return nil
}
