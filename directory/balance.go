package directory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Balance is how connections are spread over the servers that are up.
// Servers that are down are tried last, in the configured order.
type Balance int

const (
	// Ordered takes the first server of the configured order.
	Ordered Balance = iota

	// RoundRobin takes one server after the other.
	RoundRobin

	// LeastConnections takes the server with the fewest connections of
	// Dial, and of those with equally many one after the other.
	LeastConnections
)

// balances are the names of the Balance values, in their order.
var balances = []string{"ordered", "roundRobin", "leastConnections"}

// ParseBalance returns the Balance with a name as String returns it.
func ParseBalance(name string) (Balance, error) {
	if i := slices.Index(balances, name); i >= 0 {
		return Balance(i), nil
	}
	return 0, fmt.Errorf("directory: the balance %q is none of %s", name, strings.Join(balances, ", "))
}

// String returns ordered, roundRobin or leastConnections.
func (b Balance) String() string {
	if b < 0 || int(b) >= len(balances) {
		return fmt.Sprintf("Balance(%d)", int(b))
	}
	return balances[b]
}

// order returns the servers to try, the most wanted first. Those that are
// being drained are left out.
func (c *Client) order() []*server {
	var up, down []*server
	for _, s := range c.servers {
		switch {
		case s.draining.Load():
		case s.isDown():
			down = append(down, s)
		default:
			up = append(up, s)
		}
	}
	if c.cfg.Balance != Ordered && len(up) > 1 {
		first := int(c.turn.Add(1) % uint32(len(up)))
		up = slices.Concat(up[first:], up[:first])
		if c.cfg.Balance == LeastConnections {
			slices.SortStableFunc(up, func(a, b *server) int { return cmp.Compare(a.connections(), b.connections()) })
		}
	}
	return append(up, down...)
}
