//go:build unix

package breach

import (
	"errors"
	"os"
	"syscall"
)

// mapFile maps a file for reading. The mapping outlives the descriptor.
func mapFile(f *os.File) ([]byte, func() error, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	size := int(info.Size())
	if size == 0 || int64(size) != info.Size() {
		return nil, nil, errors.New("the file is empty or too large to map")
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return b, func() error { return syscall.Munmap(b) }, nil
}
