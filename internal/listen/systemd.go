package listen

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// firstInherited is the first file descriptor that systemd passes on,
// SD_LISTEN_FDS_START of sd_listen_fds(3).
const firstInherited = 3

// Inherited returns the listeners that systemd passes on to this process, by
// FileDescriptorName, as sd_listen_fds_with_names(3) does: LISTEN_PID must be
// this process, LISTEN_FDS is their number, LISTEN_FDNAMES has their names
// with colons in between. A listener without a name is "unknown" to systemd.
// None is no error; something else than a listening stream socket is. lookup
// is os.LookupEnv.
func Inherited(lookup func(string) (string, bool)) (map[string][]net.Listener, error) {
	return inherited(lookup, firstInherited)
}

func inherited(lookup func(string) (string, bool), first int) (_ map[string][]net.Listener, err error) {
	if pid, ok := lookup("LISTEN_PID"); !ok || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	text, _ := lookup("LISTEN_FDS")
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1024 {
		return nil, fmt.Errorf("LISTEN_FDS=%q is no number of file descriptors", text)
	}
	var names []string
	if text, ok := lookup("LISTEN_FDNAMES"); ok {
		names = strings.Split(text, ":")
	}
	found := make(map[string][]net.Listener)
	defer func() {
		if err != nil {
			for _, ls := range found {
				for _, l := range ls {
					_ = l.Close()
				}
			}
		}
	}()
	for i := range n {
		fd := first + i
		syscall.CloseOnExec(fd)
		name := "unknown"
		if i < len(names) && names[i] != "" {
			name = names[i]
		}
		file := os.NewFile(uintptr(fd), name)
		l, err := net.FileListener(file) // on a copy of fd
		_ = file.Close()
		if err != nil {
			return nil, fmt.Errorf("the socket %s passed on by systemd is no listener: %w", name, err)
		}
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false) // the path is systemd's
		}
		found[name] = append(found[name], l)
	}
	return found, nil
}
