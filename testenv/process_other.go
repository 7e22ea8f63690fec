//go:build unix && !linux

package testenv

import "syscall"

// Only Linux can tie the life of a process to that of its parent.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
