package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/internal/listen"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
)

// A door is one of the ways in: a listener with what serves it.
type door struct {
	entrance
	base     net.Listener // the socket
	listener net.Listener // what is served: base, or base behind proxies

	gone atomic.Bool // it is closed on purpose
}

// An entrance is where a door is to be, and what for.
type entrance struct {
	name      string // of the key below listen, and of a socket of systemd's
	network   string
	addr      string // as configured; of a socket of systemd's, where it is
	scheme    string // as clients name it, or "metrics"
	trust     string // the proxies
	inherited bool   // from systemd
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

// entrances returns where the configuration wants doors, but for those whose
// sockets systemd has passed on.
func (f *frontend) entrances(c *config) []entrance {
	var list []entrance
	for _, e := range []entrance{
		{name: "ldap", addr: c.Listen.LDAP},
		{name: "ldaps", addr: c.Listen.LDAPS},
		{name: "rest", addr: c.Listen.REST},
		{name: "metrics", addr: c.Listen.Metrics},
		{name: "ldapi", addr: c.path(c.Listen.LDAPI)},
	} {
		if e.addr == "" || f.inherited[e.name] {
			continue
		}
		e.network = "tcp"
		switch e.name {
		case "rest":
			e.addr, _ = restAddress(e.addr)
		case "ldapi":
			e.network = "unix"
		}
		list = append(list, e.completed(c))
	}
	return list
}

// completed adds what a door speaks and whom it trusts.
func (e entrance) completed(c *config) entrance {
	e.scheme, e.trust = e.name, ""
	if e.name == "rest" {
		rest := c.Listen.REST
		if rest == "" {
			rest = e.addr
		}
		e.scheme = "http"
		if _, secure := restAddress(rest); secure {
			e.scheme = "https"
		}
	}
	if e.network != "unix" && e.name != "metrics" {
		e.trust = strings.Join(c.Listen.ProxyProtocol.Trust, " ")
	}
	return e
}

// open opens a configured listener.
func (c *config) open(e entrance) (net.Listener, error) {
	l, err := func() (net.Listener, error) {
		if e.network != "unix" {
			return net.Listen(e.network, e.addr)
		}
		mode, err := c.ldapiMode()
		if err != nil {
			return nil, err
		}
		return listen.Unix(e.addr, mode)
	}()
	if err != nil {
		return nil, fmt.Errorf("listen.%s: %w", e.name, err)
	}
	return l, nil
}

// newDoor returns a door that nobody serves yet.
func (f *frontend) newDoor(c *config, e entrance, base net.Listener) *door {
	d := &door{entrance: e, base: base, listener: base}
	if trust, _ := c.trusted(); e.trust != "" { // checked
		d.listener = listen.Proxied(base, listen.ProxyConfig{Trust: trust, Log: f.log})
	}
	return d
}

// errNoDoors is a configuration that nobody can come in with.
var errNoDoors = errors.New("listen: every listener is switched off")

// listen opens all listeners before any is served: a port that is taken is
// found before the first client comes. Sockets that systemd passes on take the
// place of those that are configured.
func (f *frontend) listen(c *config) (err error) {
	inherited, err := listen.Inherited(f.program.env)
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		for _, ls := range inherited {
			for _, l := range ls {
				l.Close()
			}
		}
		for _, d := range f.doors {
			d.listener.Close()
		}
	}()
	known := []string{"ldap", "ldaps", "ldapi", "metrics", "rest"}
	var unknown []string
	f.inherited = make(map[string]bool)
	for name := range inherited {
		if f.inherited[name] = true; !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("systemd passes on sockets that are not known here: %s; FileDescriptorName must be one of %s",
			strings.Join(unknown, ", "), strings.Join(known, ", "))
	}
	for _, e := range f.entrances(c) {
		l, err := c.open(e)
		if err != nil {
			return &hinted{err, "--ldap, --ldaps and --rest take other addresses, such as 127.0.0.1:2389"}
		}
		f.doors = append(f.doors, f.newDoor(c, e, l))
	}
	for _, name := range slices.Sorted(maps.Keys(inherited)) {
		for _, l := range inherited[name] {
			e := entrance{name: name, network: l.Addr().Network(), addr: l.Addr().String(), inherited: true}
			f.doors = append(f.doors, f.newDoor(c, e.completed(c), l))
		}
	}
	if len(f.doors) == 0 {
		return errNoDoors
	}
	return nil
}

// doorChanges are what is to be done about the doors for another
// configuration.
type doorChanges struct {
	all    []*door // from then on
	opened []*door // among them, to be served
	closed []*door
}

// changeDoors opens what another configuration wants and is not there. Nothing
// that is there is touched: a socket that is to be served in another way is
// duplicated, so that no connection that waits in it is lost.
func (f *frontend) changeDoors(c *config) (ch doorChanges, err error) {
	defer func() {
		if err != nil {
			ch.undo()
		}
	}()
	wanted := f.entrances(c)
	for _, d := range f.doors {
		if d.inherited {
			wanted = append(wanted, d.entrance.completed(c))
		}
	}
	left := slices.Clone(f.doors)
	take := func(fits func(*door) bool) *door {
		i := slices.IndexFunc(left, fits)
		if i < 0 {
			return nil
		}
		d := left[i]
		left = slices.Delete(left, i, i+1)
		return d
	}
	// Doors that stay come first: two may be at one address, if its port is 0.
	var changed []entrance
	for _, e := range wanted {
		if d := take(func(d *door) bool { return d.entrance == e }); d != nil {
			ch.all = append(ch.all, d)
		} else {
			changed = append(changed, e)
		}
	}
	for _, e := range changed {
		var base net.Listener
		if d := take(func(d *door) bool { return d.network == e.network && d.addr == e.addr }); d != nil {
			ch.closed = append(ch.closed, d)
			base, err = duplicate(d.base)
		} else {
			base, err = c.open(e)
		}
		if err != nil {
			return ch, err
		}
		d := f.newDoor(c, e, base)
		ch.all, ch.opened = append(ch.all, d), append(ch.opened, d)
	}
	ch.closed = append(ch.closed, left...)
	if len(ch.all) == 0 {
		return ch, errNoDoors
	}
	// The last that may fail, for it cannot be taken back.
	for _, d := range ch.all {
		if d.name == "ldapi" && !d.inherited && !slices.Contains(ch.opened, d) {
			mode, _ := c.ldapiMode() // checked
			if err := os.Chmod(d.addr, mode); err != nil {
				return ch, fmt.Errorf("listen.ldapiMode: %w", err)
			}
		}
	}
	return ch, nil
}

// duplicate returns another listener on the same socket.
func duplicate(l net.Listener) (net.Listener, error) {
	s, ok := l.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("%T has no file", l)
	}
	file, err := s.File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return net.FileListener(file)
}

// undo closes what changeDoors has opened.
func (ch *doorChanges) undo() {
	for _, d := range ch.opened {
		d.listener.Close()
	}
}

// use makes the changes.
func (f *frontend) use(ch doorChanges) {
	for _, d := range ch.opened {
		f.open(d)
		f.log.Info("listening", "door", d.name, "address", d.base.Addr().String())
	}
	for _, d := range ch.closed {
		d.gone.Store(true)
		d.listener.Close()
		f.log.Info("no longer listening", "door", d.name, "address", d.base.Addr().String())
	}
	f.doors = ch.all
}

// open serves a door until it is closed.
func (f *frontend) open(d *door) {
	serve, closed := f.ldap.Serve, ldapserver.ErrServerClosed
	switch d.scheme {
	case "ldaps":
		serve = f.ldap.ServeTLS
	case "http":
		serve, closed = f.rest.Serve, http.ErrServerClosed
	case "https":
		serve, closed = f.rest.ServeTLS, http.ErrServerClosed
	case "metrics":
		serve, closed = f.stats.Serve, http.ErrServerClosed
	}
	f.serving.Go(func() {
		err := serve(d.listener)
		if d.gone.Load() || errors.Is(err, closed) {
			return
		}
		select {
		case f.failed <- fmt.Errorf("listen.%s: %w", d.name, err):
		default:
		}
	})
}

// url is how clients name the door.
func (d *door) url() string {
	addr := d.base.Addr()
	if addr.Network() == "unix" {
		return d.scheme + "://" + url.QueryEscape(addr.String())
	}
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return d.scheme + "://" + net.JoinHostPort(host, port)
}

// url returns the URL at which a scheme is served, empty if it is not.
func (f *frontend) url(scheme string) string {
	for _, d := range f.doors {
		if d.scheme == scheme {
			return d.url()
		}
	}
	return ""
}
