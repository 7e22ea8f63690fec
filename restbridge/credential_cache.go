package restbridge

import (
	"container/list"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// The bounds of a credentialCache. Connections that nobody uses cost the
// directory something: they are fewer.
const (
	maxIdentities   = 1024
	maxIdle         = 256
	maxIdentityIdle = 8
)

// A reusable session is one whose connection can serve another request of the
// same caller.
type reusable interface {
	Session

	// Closed reports whether the connection is of no more use.
	Closed() bool
}

// A credentialCache is an Authenticator that asks another one only if it has
// not said yes to the same name and password a short while ago. What was
// refused is asked again each time, so that the directory counts it.
//
// It keeps no passwords: an identity is found by an HMAC of name and password,
// whose key lives as long as the process. Nobody outside can choose or guess
// such a value, so the time that a look-up takes tells nothing about a
// password.
//
// Each identity has some connections that are bound as it, for the questions
// that the directory has to answer for the caller itself. If there is none
// left, the password of the request at hand makes another. Identities and
// connections alike end ttl after the bind that made them.
type credentialCache struct {
	next Authenticator
	ttl  time.Duration
	macs sync.Pool // of *maker

	mu         sync.Mutex
	identities map[mac]*identity
	recent     list.List             // of *identity, the last used first
	idle       int                   // connections of all identities
	binding    map[mac]chan struct{} // closed once it is known whether a bind succeeded
	sweeper    *time.Timer           // nil if there is nothing to end
	closed     bool
}

type mac [sha256.Size]byte

// An identity is a name and a password to which the directory has said yes.
type identity struct {
	key     mac
	authzID string
	until   time.Time
	idle    []idleSession // the last used at the end
	recent  *list.Element
}

type idleSession struct {
	reusable
	until time.Time
}

func newCredentialCache(next Authenticator, ttl time.Duration) *credentialCache {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	c := &credentialCache{next: next, ttl: ttl, identities: make(map[mac]*identity), binding: make(map[mac]chan struct{})}
	c.macs.New = func() any { return &maker{hash: hmac.New(sha256.New, key)} }
	return c
}

// A maker makes MACs. Its hash is always ready to begin one: setting it up anew
// would hash the key each time.
type maker struct {
	hash hash.Hash
	text []byte // name, with its length before it; used again, so that it need not be copied
}

func (c *credentialCache) macOf(username string, password []byte) (m mac) {
	h := c.macs.Get().(*maker)
	h.text = binary.BigEndian.AppendUint64(h.text[:0], uint64(len(username)))
	h.text = append(h.text, username...)
	_, _ = h.hash.Write(h.text)
	_, _ = h.hash.Write(password)
	h.hash.Sum(m[:0])
	h.hash.Reset()
	c.macs.Put(h)
	return m
}

// Authenticate implements Authenticator. Of several requests with the same
// new credentials, one asks and the others wait for what it learns.
func (c *credentialCache) Authenticate(ctx context.Context, username string, password []byte) (Session, error) {
	key := c.macOf(username, password)
	for waited := false; ; waited = true {
		c.mu.Lock()
		id := c.find(key)
		if id != nil {
			c.mu.Unlock()
			return &cachedSession{cache: c, key: key, authzID: id.authzID, username: username, password: slices.Clone(password)}, nil
		}
		if others := c.binding[key]; others != nil && !waited {
			c.mu.Unlock()
			select {
			case <-others:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		// Who has waited in vain asks by itself, or wrong passwords would
		// queue behind each other.
		done := make(chan struct{})
		first := c.binding[key] == nil
		if first {
			c.binding[key] = done
		}
		c.mu.Unlock()
		s := &cachedSession{cache: c, key: key, username: username, password: slices.Clone(password)}
		err := s.bind(ctx)
		if first {
			c.mu.Lock()
			delete(c.binding, key)
			c.mu.Unlock()
			close(done)
		}
		if err != nil {
			s.Close()
			return nil, err
		}
		return s, nil
	}
}

// find returns the identity, nil if there is none. c.mu is held.
func (c *credentialCache) find(key mac) *identity {
	id := c.identities[key]
	if id == nil || !time.Now().Before(id.until) {
		return nil
	}
	c.recent.MoveToFront(id.recent)
	return id
}

// admit notes that the directory has just said yes.
func (c *credentialCache) admit(key mac, authzID string) {
	c.mu.Lock()
	var ended []idleSession
	defer func() { c.mu.Unlock(); closeAll(ended) }()
	if c.closed {
		return
	}
	id := c.identities[key]
	if id != nil && id.authzID != authzID { // the name has come to mean another entry
		ended = c.drop(id)
		id = nil
	}
	if id == nil {
		id = &identity{key: key, authzID: authzID}
		id.recent = c.recent.PushFront(id)
		c.identities[key] = id
		if len(c.identities) > maxIdentities {
			ended = append(ended, c.drop(c.recent.Back().Value.(*identity))...)
		}
	}
	id.until = time.Now().Add(c.ttl)
	if c.sweeper == nil {
		c.sweeper = time.AfterFunc(c.ttl, c.sweep)
	}
}

// take returns a connection of an identity that nobody uses.
func (c *credentialCache) take(key mac) (idleSession, bool) {
	for {
		c.mu.Lock()
		id := c.identities[key]
		if id == nil || len(id.idle) == 0 {
			c.mu.Unlock()
			return idleSession{}, false
		}
		last := len(id.idle) - 1
		s := id.idle[last]
		id.idle = slices.Delete(id.idle, last, last+1)
		c.idle--
		c.mu.Unlock()
		if time.Now().Before(s.until) && !s.Closed() {
			return s, true
		}
		s.Close()
	}
}

// put gives a connection back.
func (c *credentialCache) put(key mac, authzID string, s idleSession) error {
	c.mu.Lock()
	id := c.identities[key]
	if c.closed || id == nil || id.authzID != authzID || len(id.idle) >= maxIdentityIdle || !time.Now().Before(s.until) || s.Closed() {
		c.mu.Unlock()
		return s.Close()
	}
	var ended []idleSession
	if c.idle >= maxIdle {
		for e := c.recent.Back(); e != nil; e = e.Prev() {
			if old := e.Value.(*identity); len(old.idle) > 0 {
				ended = append(ended, old.idle[0])
				old.idle = slices.Delete(old.idle, 0, 1)
				c.idle--
				break
			}
		}
	}
	id.idle = append(id.idle, s)
	c.idle++
	c.mu.Unlock()
	closeAll(ended)
	return nil
}

// drop forgets an identity and returns its connections, for the caller to
// close once c.mu, which is held, is not.
func (c *credentialCache) drop(id *identity) []idleSession {
	delete(c.identities, id.key)
	c.recent.Remove(id.recent)
	c.idle -= len(id.idle)
	idle := id.idle
	id.idle = nil
	return idle
}

// refused forgets an identity that the directory does not say yes to any
// more.
func (c *credentialCache) refused(key mac) {
	c.mu.Lock()
	var ended []idleSession
	if id := c.identities[key]; id != nil {
		ended = c.drop(id)
	}
	c.mu.Unlock()
	closeAll(ended)
}

// forget forgets all identities of an entry, whose password has changed.
func (c *credentialCache) forget(entry string) {
	if c == nil {
		return
	}
	key := dn.Key(entry)
	c.mu.Lock()
	var ended []idleSession
	for _, id := range c.identities {
		if name, ok := strings.CutPrefix(id.authzID, "dn:"); ok && dn.Key(name) == key {
			ended = append(ended, c.drop(id)...)
		}
	}
	c.mu.Unlock()
	closeAll(ended)
}

// sweep ends what is too old or was closed by the directory.
func (c *credentialCache) sweep() {
	now := time.Now()
	var ended []idleSession
	c.mu.Lock()
	for _, id := range c.identities {
		if !now.Before(id.until) {
			ended = append(ended, c.drop(id)...)
			continue
		}
		id.idle = slices.DeleteFunc(id.idle, func(s idleSession) bool {
			if now.Before(s.until) && !s.Closed() {
				return false
			}
			ended = append(ended, s)
			c.idle--
			return true
		})
	}
	c.sweeper = nil
	if len(c.identities) > 0 && !c.closed {
		c.sweeper = time.AfterFunc(max(c.ttl/4, time.Millisecond), c.sweep)
	}
	c.mu.Unlock()
	closeAll(ended)
}

// close ends all connections. Those in use end with their requests.
func (c *credentialCache) close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.closed = true
	if c.sweeper != nil {
		c.sweeper.Stop()
	}
	var ended []idleSession
	for _, id := range c.identities {
		ended = append(ended, c.drop(id)...)
	}
	c.mu.Unlock()
	closeAll(ended)
}

func closeAll(sessions []idleSession) {
	for _, s := range sessions {
		s.Close()
	}
}

// A cachedSession is one request's session for a cached identity. It takes a
// connection when there is something to ask.
type cachedSession struct {
	cache    *credentialCache
	key      mac
	authzID  string
	username string
	password []byte // of this request; wiped by Close

	conn   Session // nil until it is needed
	until  time.Time
	pooled bool // conn has served another request before
}

// AuthzID implements Session.
func (s *cachedSession) AuthzID() string { return s.authzID }

// See implements Session.
func (s *cachedSession) See(ctx context.Context, name, authzID string) error {
	return s.ask(ctx, func(conn Session) error { return conn.See(ctx, name, authzID) })
}

// ask puts a question on a connection of the identity, and again if the
// directory has closed that in the meantime. Questions change nothing.
func (s *cachedSession) ask(ctx context.Context, question func(Session) error) error {
	for {
		if s.conn == nil {
			if kept, ok := s.cache.take(s.key); ok {
				s.conn, s.until, s.pooled = kept.reusable, kept.until, true
			} else if err := s.bind(ctx); err != nil {
				return err
			}
		}
		err := question(s.conn)
		r, ok := s.conn.(reusable)
		if err == nil || !s.pooled || ctx.Err() != nil || !ok || !r.Closed() {
			return err
		}
		s.conn.Close()
		s.conn = nil
	}
}

// bind makes a connection with the request's password.
func (s *cachedSession) bind(ctx context.Context) error {
	began := time.Now()
	password := slices.Clone(s.password)
	conn, err := s.cache.next.Authenticate(ctx, s.username, password)
	clear(password)
	if err != nil {
		if result.Is(err, result.InvalidCredentials) {
			s.cache.refused(s.key)
		}
		return err
	}
	if s.authzID != "" && conn.AuthzID() != s.authzID {
		conn.Close()
		s.cache.refused(s.key)
		return errCredentials(errors.New("the name has come to mean another entry"))
	}
	s.authzID, s.conn, s.until, s.pooled = conn.AuthzID(), conn, began.Add(s.cache.ttl), false
	s.cache.admit(s.key, s.authzID)
	return nil
}

// Close implements Session.
func (s *cachedSession) Close() error {
	clear(s.password)
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	if r, ok := conn.(reusable); ok {
		return s.cache.put(s.key, s.authzID, idleSession{r, s.until})
	}
	return conn.Close()
}
