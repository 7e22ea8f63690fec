package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// storeFile is the database below Config.Dir.
const storeFile = "directory.db"

var (
	entriesBucket = []byte("entries") // treeKey: entry
	metaBucket    = []byte("meta")

	formatKey   = []byte("format")
	adminKey    = []byte("admin") // DN of the administrator
	formatNow   = []byte("1")
	errFormat   = errors.New("embedded: the store was written by a newer version")
	lockTimeout = 2 * time.Second
)

// store is a bbolt database of entries. Each commit is on disk before it
// returns, so an accepted write survives a crash.
type store struct {
	db *bolt.DB
}

// ErrInUse is what Open's error wraps where another process has the directory
// open.
var ErrInUse = errors.New("in use by another process")

func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, storeFile)
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("embedded: %s is %w", path, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("embedded: opening %s: %w", path, err)
	}
	return &store{db: db}, nil
}

func (s *store) close() error { return s.db.Close() }

// discard closes the store after a start that failed. A file that never got to
// hold a directory goes, so that it is not taken for one.
func (s *store) discard() error {
	found, err := s.initialized()
	path := s.db.Path()
	closing := s.close()
	if err == nil && !found {
		err = os.Remove(path)
	}
	if errors.Is(err, errFormat) {
		err = nil // which is why the start failed
	}
	return errors.Join(err, closing)
}

func (s *store) view(fn func(*txn) error) error {
	return closed(s.db.View(func(tx *bolt.Tx) error {
		t := &txn{entries: tx.Bucket(entriesBucket), meta: tx.Bucket(metaBucket)}
		if t.entries == nil || t.meta == nil {
			return errCorrupt
		}
		return fn(t)
	}))
}

// closed makes of the error of a store that is closed what a client is to
// see.
func closed(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return result.Wrap(err, result.Unavailable, "the directory is shutting down")
	}
	return err
}

// update runs fn and commits what it did, unless it fails.
func (s *store) update(fn func(*txn) error) error {
	return closed(s.db.Update(func(tx *bolt.Tx) error {
		entries, err := tx.CreateBucketIfNotExists(entriesBucket)
		if err != nil {
			return err
		}
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		return fn(&txn{entries: entries, meta: meta})
	}))
}

// initialized reports whether the store holds a directory.
func (s *store) initialized() (bool, error) {
	found := false
	err := s.db.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		if meta == nil {
			return nil
		}
		if v := meta.Get(formatKey); v != nil {
			found = true
			if !bytes.Equal(v, formatNow) {
				return errFormat
			}
		}
		return nil
	})
	return found, err
}

// txn is one transaction. Its methods fail only if the store is corrupt or,
// for writes, if a key or an entry is too large.
type txn struct {
	entries, meta *bolt.Bucket
}

func (t *txn) get(k treeKey) (e policy.Entry, ok bool, err error) {
	raw := t.entries.Get([]byte(k))
	if k == "" || raw == nil {
		return policy.Entry{}, false, nil
	}
	e, err = decodeEntry(raw)
	return e, err == nil, err
}

func (t *txn) exists(k treeKey) bool { return k != "" && t.entries.Get([]byte(k)) != nil }

func (t *txn) put(k treeKey, e policy.Entry) error {
	return t.entries.Put([]byte(k), appendEntry(nil, e))
}

func (t *txn) remove(k treeKey) error { return t.entries.Delete([]byte(k)) }

func (t *txn) hasChildren(k treeKey) bool {
	prefix := []byte(string(k) + sep)
	found, _ := t.entries.Cursor().Seek(prefix)
	return bytes.HasPrefix(found, prefix)
}

// matched returns the DN of the nearest superior of k that is there.
func (t *txn) matched(k treeKey) string {
	for k = k.parent(); k != ""; k = k.parent() {
		if e, ok, _ := t.get(k); ok {
			return e.DN
		}
	}
	return ""
}

// walk calls fn for the entries in scope of base, in the order of their
// keys, until fn returns false. With after, it begins behind that key. Its
// cost is proportional to the entries that it visits: one level skips over
// the subtrees of what it finds.
func (t *txn) walk(base treeKey, scope policy.Scope, after treeKey, fn func(treeKey, policy.Entry) (bool, error)) error {
	visit := func(k, v []byte) (bool, error) {
		e, err := decodeEntry(v)
		if err != nil {
			return false, fmt.Errorf("%w (key %q)", err, k)
		}
		return fn(treeKey(k), e)
	}
	if base != "" && scope != policy.SingleLevel && after == "" {
		if v := t.entries.Get([]byte(base)); v != nil {
			if more, err := visit([]byte(base), v); err != nil || !more {
				return err
			}
		}
	}
	if scope == policy.BaseObject {
		return nil
	}
	var prefix []byte
	if base != "" {
		prefix = []byte(string(base) + sep)
	}
	c := t.entries.Cursor()
	seek := prefix
	if after != "" && after != base {
		seek = []byte(string(after) + sep)
		if scope == policy.SingleLevel {
			seek = []byte(string(after) + "\x01")
		}
	}
	for k, v := c.Seek(seek); k != nil && bytes.HasPrefix(k, prefix); {
		more, err := visit(k, v)
		if err != nil || !more {
			return err
		}
		if scope == policy.SingleLevel {
			k, v = c.Seek(append(bytes.Clone(k), 1))
		} else {
			k, v = c.Next()
		}
	}
	return nil
}

// tops returns the entries that have no superior, in the order of their keys.
func (t *txn) tops() ([]policy.Entry, error) {
	var out []policy.Entry
	c := t.entries.Cursor()
	for k, v := c.First(); k != nil; {
		e, err := decodeEntry(v)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
		k, v = c.Seek(append(bytes.Clone(k), 1))
	}
	return out, nil
}
