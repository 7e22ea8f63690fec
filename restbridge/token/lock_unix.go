//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package token

import (
	"os"
	"syscall"
)

// lock waits until no other process holds the lock. The file stays: removing
// it would let two processes lock two files of one name.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
