package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"sync"
	"time"
)

// Why a session ended.
type ending int

const (
	endedNot     ending = iota // there was none
	endedUnknown               // there may have been one, before a restart
	endedSignOut
	endedIdle
	endedAge
	endedLost    // the directory closed the connection
	endedCrowded // its owner signed in elsewhere too often
)

const (
	// maxOwnSessions is how many sessions one helper may have. The one that
	// was not used for the longest time ends first.
	maxOwnSessions = 8

	// rememberEnded is how long it is known why a session ended.
	rememberEnded = time.Hour
)

// A session is somebody who is signed in: a connection to the directory that
// is bound as them, and no password.
type session struct {
	conn    Conn
	authzID string
	id      digest
	began   time.Time

	token []byte // that its forms carry
	key   []byte // for marks

	// With Sessions.mu held.
	used  time.Time
	ended ending
	timer *time.Timer
}

// A digest finds a session by its ID, so that a look-up takes no time that
// tells of an ID.
type digest [sha256.Size]byte

// Sessions are those of all helpers. Consoles that take turns, one for each
// reading of the configuration, share them, so that nobody is signed out.
type Sessions struct {
	forms *signInForms

	mu      sync.Mutex
	idle    time.Duration
	life    time.Duration
	max     int
	all     map[digest]*session // those that ended a short while ago, too
	live    int
	closed  bool
	closing sync.WaitGroup
}

// NewSessions returns an empty set of sessions. Whoever calls it closes it.
func NewSessions() *Sessions {
	return &Sessions{forms: newSignInForms(), all: make(map[digest]*session)}
}

// limit says how long sessions last and how many there may be, from now on.
// Those that are there are measured by it when they are next looked at.
func (ss *Sessions) limit(idle, life time.Duration, n int) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.idle, ss.life, ss.max = idle, life, n
}

var errFull = errors.New("too many sessions")

// begin makes a session of a connection and returns its ID, which is known
// to nobody else. The connection is the session's.
func (ss *Sessions) begin(conn Conn) (string, error) {
	id := newID()
	now := time.Now()
	s := &session{
		conn: conn, authzID: conn.AuthzID(), id: sha256.Sum256([]byte(id)), began: now, used: now,
		token: []byte(newID()), key: make([]byte, sha256.Size),
	}
	_, _ = rand.Read(s.key) // never fails
	ss.mu.Lock()
	defer ss.mu.Unlock()
	own, oldest := 0, (*session)(nil)
	for _, other := range ss.all {
		if other.ended == endedNot && other.authzID == s.authzID {
			if own++; oldest == nil || other.used.Before(oldest.used) {
				oldest = other
			}
		}
	}
	if own >= maxOwnSessions {
		ss.endLocked(oldest, endedCrowded)
	}
	if ss.closed || ss.live >= ss.max {
		ss.release(conn)
		return "", errFull
	}
	ss.live++
	ss.all[s.id] = s
	s.timer = time.AfterFunc(min(ss.idle, ss.life), func() { ss.expire(s) })
	return id, nil
}

// find returns the session with an ID, and that it is used; or why there is
// none.
func (ss *Sessions) find(id string) (*session, ending) {
	s, why := ss.look(id)
	if s == nil {
		return nil, why
	}
	ss.mu.Lock()
	s.used = time.Now()
	ss.mu.Unlock()
	return s, endedNot
}

// look is find without a use.
func (ss *Sessions) look(id string) (*session, ending) {
	if id == "" {
		return nil, endedNot
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.all[sha256.Sum256([]byte(id))]
	if s == nil {
		return nil, endedUnknown
	}
	if s.ended == endedNot {
		if s.conn.Closed() {
			ss.endLocked(s, endedLost)
		} else if _, why := ss.left(s); why != endedNot {
			ss.endLocked(s, why)
		}
	}
	if s.ended != endedNot {
		return nil, s.ended
	}
	return s, endedNot
}

// left returns how long a session lasts if it is not used, or why it has
// ended.
func (ss *Sessions) left(s *session) (time.Duration, ending) {
	idle, age := ss.idle-time.Since(s.used), ss.life-time.Since(s.began)
	switch {
	case age <= 0:
		return 0, endedAge
	case idle <= 0:
		return 0, endedIdle
	}
	return min(idle, age), endedNot
}

func (ss *Sessions) expire(s *session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s.ended != endedNot {
		delete(ss.all, s.id)
		return
	}
	left, why := ss.left(s)
	if why == endedNot {
		s.timer.Reset(left)
		return
	}
	ss.endLocked(s, why)
}

func (ss *Sessions) end(s *session, why ending) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.endLocked(s, why)
}

func (ss *Sessions) endLocked(s *session, why ending) {
	if s.ended != endedNot {
		return
	}
	s.ended = why
	ss.live--
	ss.release(s.conn)
	// Of more than that nobody needs to be told.
	if ss.closed || len(ss.all)-ss.live > 4*ss.max {
		s.timer.Stop()
		delete(ss.all, s.id)
		return
	}
	s.timer.Reset(rememberEnded)
}

// release closes a connection, which waits for it to wind down.
func (ss *Sessions) release(conn Conn) { ss.closing.Go(func() { _ = conn.Close() }) }

// Close ends all sessions, and waits until their connections are closed.
func (ss *Sessions) Close() {
	ss.mu.Lock()
	ss.closed = true
	for id, s := range ss.all {
		ss.endLocked(s, endedLost)
		s.timer.Stop()
		delete(ss.all, id)
	}
	ss.mu.Unlock()
	ss.closing.Wait()
}

// isToken reports whether a form comes from a page of this session.
func (s *session) isToken(token []byte) bool {
	return subtle.ConstantTimeCompare(token, s.token) == 1
}

// mark returns what proves that a password was suggested for an entry in
// this session, so that suggestions need not be kept.
func (s *session) mark(entry string, password []byte) string {
	h := hmac.New(sha256.New, s.key)
	sum := sha256.Sum256([]byte(entry))
	_, _ = h.Write(sum[:])
	_, _ = h.Write(password)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (s *session) isMark(entry string, password, mark []byte) bool {
	return hmac.Equal(mark, []byte(s.mark(entry, password)))
}

// newID returns 256 random bits.
func newID() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// signInForms tell the forms for signing in that were made here, for a browser
// that has no session yet: the form holds a keyed digest of a cookie.
type signInForms struct{ key []byte }

func newSignInForms() *signInForms {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return &signInForms{key}
}

func (f *signInForms) token(cookie string) string {
	h := hmac.New(sha256.New, f.key)
	_, _ = h.Write([]byte(cookie))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (f *signInForms) made(cookie string, token []byte) bool {
	return cookie != "" && hmac.Equal(token, []byte(f.token(cookie)))
}
