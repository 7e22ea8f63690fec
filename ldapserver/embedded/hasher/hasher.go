package hasher

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
)

// The cost of new hashes. Memory is at the low end of what OWASP holds to be
// equivalent (7 MiB with 5 passes resists as 19 MiB with 2), so that a small
// server stays small under a run of binds.
var current = params{memory: 7 * 1024, time: 5, threads: 1}

const (
	saltSize = 16
	keySize  = 32

	rememberFor = 5 * time.Minute
	rememberMax = 4096
)

// A Hasher hashes and verifies, a bounded number of passwords at a time. It
// is safe for concurrent use.
type Hasher struct {
	slots chan struct{}
	key   [32]byte

	mu    sync.Mutex
	right map[[32]byte]time.Time // keyed digest of a pair found right: until when
}

// New returns a Hasher that runs at most concurrent computations at a time;
// 0 means one for each processor.
func New(concurrent int) *Hasher {
	if concurrent <= 0 {
		concurrent = runtime.GOMAXPROCS(0)
	}
	h := &Hasher{slots: make(chan struct{}, concurrent), right: make(map[[32]byte]time.Time)}
	rand.Read(h.key[:])
	return h
}

// params are the cost of an Argon2id hash.
type params struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

func encode(p params, salt, key []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("{ARGON2}$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s",
		p.memory, p.time, p.threads, b.EncodeToString(salt), b.EncodeToString(key))
}

// Hash returns a new value for userPassword. It fails only with ctx.
func (h *Hasher) Hash(ctx context.Context, password []byte) (string, error) {
	release, err := h.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	salt := make([]byte, saltSize)
	rand.Read(salt)
	return encode(current, salt, argon2.IDKey(password, salt, current.time, current.memory, current.threads, keySize)), nil
}

// Verify reports whether password is one of the stored values. A refusal
// takes at least the time of one current hash, so that its duration does not
// tell whether a user exists, or has a password in a faster scheme. It fails
// only with ctx.
func (h *Hasher) Verify(ctx context.Context, stored []string, password []byte) (bool, error) {
	for _, s := range stored {
		if h.remembered(h.digest(s, password)) {
			return true, nil
		}
	}
	release, err := h.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	slow := false
	for _, s := range stored {
		v, err := pwhash.Parse(s)
		if err != nil {
			continue
		}
		slow = slow || pwhash.Scheme(s) == "ARGON2"
		if v(password) {
			h.remember(h.digest(s, password))
			return true, nil
		}
	}
	if !slow {
		argon2.IDKey(password, h.key[:saltSize], current.time, current.memory, current.threads, keySize)
	}
	return false, nil
}

func (h *Hasher) acquire(ctx context.Context) (release func(), err error) {
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h *Hasher) digest(stored string, password []byte) (d [32]byte) {
	m := hmac.New(sha256.New, h.key[:])
	fmt.Fprintf(m, "%d:%s", len(stored), stored)
	m.Write(password)
	m.Sum(d[:0])
	return d
}

func (h *Hasher) remembered(d [32]byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	until, ok := h.right[d]
	if ok && time.Now().After(until) {
		delete(h.right, d)
		ok = false
	}
	return ok
}

func (h *Hasher) remember(d [32]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if len(h.right) >= rememberMax {
		for k, until := range h.right {
			if now.After(until) || len(h.right) >= rememberMax {
				delete(h.right, k)
			}
		}
	}
	h.right[d] = now.Add(rememberFor)
}
