package ldapserver

import (
	"net"
	"syscall"
)

// peerCredentials returns who connected to a local socket (SO_PEERCRED).
func peerCredentials(c *net.UnixConn) (uid, gid uint32, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	var cred *syscall.Ucred
	if raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}) != nil || err != nil {
		return 0, 0, false
	}
	return cred.Uid, cred.Gid, true
}
