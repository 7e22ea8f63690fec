//go:build !linux

package main

import "syscall"

// forbidCoreDumps keeps the kernel from writing the memory of the process to a
// file should it crash.
func forbidCoreDumps() error { return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }
