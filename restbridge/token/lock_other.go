//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package token

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// lock waits until no other process holds the lock. One that ended while it
// held it left the file behind, which has to be removed by hand.
func lock(path string) (unlock func(), err error) {
	for range 500 {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			f.Close()
			return func() { os.Remove(path) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, errors.New(path + " exists: another program is changing the tokens")
}
