package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	// The time for which a server that failed is tried after all others
	// doubles with each failure, from one to the other. Under Monitor it is
	// the time until the next check.
	minDownTime = time.Second
	maxDownTime = 30 * time.Second
)

// errDrained ends connections to a server that is taken out of use.
var errDrained = errors.New("the server is taken out of use")

// ServerHealth is what is known of one of the directory's servers.
type ServerHealth struct {
	URL         string
	Up          bool // no failure since the last success
	Draining    bool // gets no new connections
	Connections int  // connections of Dial that are open
}

// Health returns what is known of each server, in the configured order.
func (c *Client) Health() []ServerHealth {
	list := make([]ServerHealth, len(c.servers))
	for i, s := range c.servers {
		list[i] = ServerHealth{URL: s.name, Up: !s.isDown(), Draining: s.draining.Load(), Connections: s.connections()}
	}
	return list
}

// Monitor checks every server at Config.HealthInterval, and at once when a
// connection to it was lost, until ctx ends or the Client is closed. A server
// that is down is checked less and less often, down to once in 30 seconds or
// the interval, whichever is longer, and is up again as soon as it answers.
//
// A check opens a connection, TLS included, and reads the root DSE without
// binding. Any answer but busy(51) and unavailable(52) is good: a server that
// refuses anonymous reads is there.
func (c *Client) Monitor(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	var wg sync.WaitGroup
	for _, s := range c.servers {
		s.monitored.Store(true)
		wg.Go(func() {
			defer s.monitored.Store(false)
			c.monitor(ctx, s)
		})
	}
	wg.Wait()
}

func (c *Client) monitor(ctx context.Context, s *server) {
	for ctx.Err() == nil {
		err := c.check(ctx, s)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			c.succeeded(s)
		} else {
			c.failed(s, err)
		}
		wait := c.cfg.HealthInterval
		if err != nil {
			// Soon again, and then ever later.
			wait = s.backOff(max(wait, maxDownTime))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.suspect:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// check asks a server whether it is there.
func (c *Client) check(ctx context.Context, s *server) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.HealthTimeout)
	defer cancel()
	raw, err := s.dial(ctx)
	if err != nil {
		return err
	}
	l := c.client(raw)
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	_, err = l.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"1.1"}, nil))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil || !broken(err) && !ldap.IsErrorWithCode(err, ldap.LDAPResultBusy) {
		return nil
	}
	return err
}

// failed notes that a server failed, and tells of the first time.
func (c *Client) failed(s *server, err error) {
	if s.fail() == 1 {
		c.cfg.Log.Warn("directory server is down", "server", s.name, "error", err)
	} else {
		c.cfg.Log.Debug("directory server is still down", "server", s.name, "error", err)
	}
}

func (c *Client) succeeded(s *server) {
	if s.succeed() {
		c.cfg.Log.Info("directory server is up again", "server", s.name)
	}
}

// Drain takes servers out of use, all if no URL is given: no new connection
// goes to them. It returns once the connections of Dial that they have are
// closed. Those left when ctx ends are closed, and ctx's error is returned.
// Whoever relays on one of them learns of it as of any other that the server
// closes.
//
// Errors: one for a URL that is none of Config.URLs.
func (c *Client) Drain(ctx context.Context, urls ...string) error {
	servers, err := c.named(urls)
	if err != nil {
		return err
	}
	for _, s := range servers {
		s.draining.Store(true)
	}
	for _, s := range servers {
		for empty := s.empty(); empty != nil; empty = s.empty() {
			select {
			case <-empty:
				continue
			case <-ctx.Done():
			}
			for _, s := range servers {
				s.closeConnections()
			}
			return ctx.Err()
		}
	}
	return nil
}

// Resume ends what Drain began.
func (c *Client) Resume(urls ...string) error {
	servers, err := c.named(urls)
	for _, s := range servers {
		s.draining.Store(false)
	}
	return err
}

func (c *Client) named(urls []string) ([]*server, error) {
	if len(urls) == 0 {
		return c.servers, nil
	}
	var list []*server
	for _, u := range urls {
		found := false
		for _, s := range c.servers {
			if s.name == u {
				list, found = append(list, s), true
			}
		}
		if !found {
			return nil, fmt.Errorf("directory: %q is none of the URLs", u)
		}
	}
	return list, nil
}
