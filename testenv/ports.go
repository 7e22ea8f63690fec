package testenv

import (
	"fmt"
	"net"
)

// freePorts returns n TCP ports of 127.0.0.1 that are free now. Another
// process may take one before the server binds it: whoever starts a server
// tries again with others.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // after the loop, so that all are different
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
