package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/internal/listen"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
)

// A door is one of the ways in: listeners with what serves them.
type door struct {
	name      string // of the key below listen, and of a socket of systemd's
	addr      string // empty if it is switched off
	scheme    string
	serve     func(net.Listener) error
	closed    error // what serve returns after a shutdown
	listeners []net.Listener
}

// checkListen finds what is wrong with the keys below listen and limits,
// but for the addresses.
func (c *config) checkListen() error {
	if _, err := c.ldapiMode(); err != nil {
		return err
	}
	if _, err := c.trusted(); err != nil {
		return err
	}
	l := c.Limits
	if min(l.Connections, l.AddressConnections, l.Handshakes, l.PartialMessages) < 0 {
		return errors.New("limits: a limit is below zero")
	}
	return nil
}

func (c *config) ldapiMode() (fs.FileMode, error) {
	m, err := strconv.ParseUint(c.Listen.LDAPIMode, 8, 32)
	if err != nil || m&^0o777 != 0 {
		return 0, fmt.Errorf("listen.ldapiMode: %q is no mode such as 0660", c.Listen.LDAPIMode)
	}
	return fs.FileMode(m), nil
}

// trusted returns the networks of proxies.
func (c *config) trusted() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, s := range c.Listen.ProxyProtocol.Trust {
		n, err := netip.ParsePrefix(s)
		if a, err2 := netip.ParseAddr(s); err2 == nil {
			n, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("listen.proxyProtocol.trust: %q is neither a network such as 192.0.2.0/24 nor an address", s)
		}
		list = append(list, n.Masked())
	}
	return list, nil
}

// checkBalance finds what is wrong with how the directory's servers are used.
func (c *config) checkBalance() error {
	d := &c.Directory
	if _, err := directory.ParseBalance(d.Balance); err != nil {
		return fmt.Errorf("directory.balance: %q is none of ordered, roundRobin, leastConnections", d.Balance)
	}
	if _, ok := proxyVersions()[d.ProxyProtocol]; !ok {
		return fmt.Errorf("directory.proxyProtocol: %q is none of v1, v2", d.ProxyProtocol)
	}
	if d.HealthInterval < 0 {
		return errors.New("directory.healthInterval: a time such as 5s is expected")
	}
	return nil
}

func (c *config) balance() directory.Balance {
	b, _ := directory.ParseBalance(c.Directory.Balance) // checked
	return b
}

func proxyVersions() map[string]int { return map[string]int{"": 0, "v1": 1, "v2": 2} }

// listen opens all listeners before any is served: a port that is taken is
// found before the first client comes. Sockets that systemd passes on take the
// place of those that are configured.
func (f *frontend) listen(c *config, env environment) (err error) {
	inherited, err := listen.Inherited(env)
	if err != nil {
		return err
	}
	rest, secure := restAddress(c.Listen.REST)
	if ls := inherited["rest"]; c.Listen.REST == "" && len(ls) > 0 {
		_, secure = restAddress(ls[0].Addr().String())
	}
	f.doors = []*door{
		{name: "ldap", addr: c.Listen.LDAP, scheme: "ldap", serve: f.ldap.Serve, closed: ldapserver.ErrServerClosed},
		{name: "ldaps", addr: c.Listen.LDAPS, scheme: "ldaps", serve: f.ldap.ServeTLS, closed: ldapserver.ErrServerClosed},
		{name: "rest", addr: rest, scheme: "http", serve: f.rest.Serve, closed: http.ErrServerClosed},
		{name: "metrics", addr: c.Listen.Metrics, scheme: "metrics", serve: f.metrics.Serve, closed: http.ErrServerClosed},
		{name: "ldapi", addr: c.path(c.Listen.LDAPI), scheme: "ldapi", serve: f.ldap.Serve, closed: ldapserver.ErrServerClosed},
	}
	if secure {
		f.doors[2].scheme, f.doors[2].serve = "https", f.rest.ServeTLS
	}
	defer func() {
		if err != nil {
			for _, d := range f.doors {
				for _, l := range d.listeners {
					l.Close()
				}
			}
		}
	}()
	for _, d := range f.doors {
		if ls, ok := inherited[d.name]; ok {
			d.listeners = ls
			delete(inherited, d.name)
		} else if d.addr != "" {
			l, err := c.open(d)
			if err != nil {
				return &hinted{fmt.Errorf("listen.%s: %w", d.name, err), "--ldap, --ldaps and --rest take other addresses, such as 127.0.0.1:2389"}
			}
			d.listeners = []net.Listener{l}
		}
	}
	if len(inherited) > 0 {
		return fmt.Errorf("systemd passes on sockets that are not known here: %s; FileDescriptorName must be one of ldap, ldaps, ldapi, metrics, rest",
			strings.Join(slices.Sorted(maps.Keys(inherited)), ", "))
	}
	f.doors = slices.DeleteFunc(f.doors, func(d *door) bool { return len(d.listeners) == 0 })
	if len(f.doors) == 0 {
		return errors.New("listen: every listener is switched off")
	}
	f.trustProxies(c)
	return nil
}

// open opens the configured listener of a door.
func (c *config) open(d *door) (net.Listener, error) {
	if d.scheme != "ldapi" {
		return net.Listen("tcp", d.addr)
	}
	mode, err := c.ldapiMode()
	if err != nil {
		return nil, err
	}
	return listen.Unix(d.addr, mode)
}

// trustProxies has the listeners that a network can reach take the PROXY
// protocol.
func (f *frontend) trustProxies(c *config) {
	trust, _ := c.trusted() // checked
	if len(trust) == 0 {
		return
	}
	for _, d := range f.doors {
		for i, l := range d.listeners {
			if l.Addr().Network() != "unix" && d.name != "metrics" {
				d.listeners[i] = listen.Proxied(l, listen.ProxyConfig{Trust: trust, Log: f.log})
			}
		}
	}
}

// url returns the URL at which a scheme is served, empty if it is not.
func (f *frontend) url(scheme string) string {
	for _, d := range f.doors {
		if d.scheme != scheme {
			continue
		}
		addr := d.listeners[0].Addr()
		if addr.Network() == "unix" {
			return scheme + "://" + url.QueryEscape(addr.String())
		}
		host, port, _ := net.SplitHostPort(addr.String())
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			host = "localhost"
		}
		return scheme + "://" + net.JoinHostPort(host, port)
	}
	return ""
}

// serve returns once all doors are shut: because ctx has ended, or because
// one of them failed.
func (f *frontend) serve(ctx context.Context) error {
	failed := make(chan error, 1)
	var wg sync.WaitGroup
	for _, d := range f.doors {
		for _, l := range d.listeners {
			wg.Go(func() {
				if err := d.serve(l); !errors.Is(err, d.closed) {
					select {
					case failed <- fmt.Errorf("listen.%s: %w", d.name, err):
					default:
					}
				}
			})
		}
	}
	var err error
	select {
	case <-ctx.Done():
		f.log.Info("shutting down")
	case err = <-failed:
	}
	f.shutdown()
	wg.Wait()
	return err
}

// follow reads the files of certificates again when they change and when the
// process gets SIGHUP, until ctx ends or stop is called.
func (k *keyring) follow(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	var wg sync.WaitGroup
	wg.Go(func() { k.watch(ctx, hangup) })
	return func() {
		signal.Stop(hangup)
		cancel()
		wg.Wait()
	}
}
