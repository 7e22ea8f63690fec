// Package token keeps API tokens: secrets that stand for an entry of the
// directory, for a time and for some APIs.
//
// A token is shown once, when it is made. What is kept is its SHA-256 hash,
// which is enough for a secret of 128 random bits: there is nothing to guess,
// so nothing for a slow hash to slow down. The tokens are in one file, which
// is replaced in one step and read again when it has changed, so that the
// program that makes and revokes them and the server that judges them need
// not know of each other.
//
// The package knows files and time, neither HTTP nor the directory.
package token

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// prefix begins every token, so that people and scanners of source code know
// one when they see it.
const prefix = "lst_"

// Is reports whether secret has the form of a token of this package.
func Is(secret []byte) bool { return bytes.HasPrefix(secret, []byte(prefix)) }

// whole is the form of a token: the prefix, the ID, and 128 random bits.
var whole = regexp.MustCompile("^" + prefix + "[a-z2-7]{10}_[A-Z2-7]{26}$")

// IsWhole reports whether secret has the form of a whole token, which no
// password has by chance.
func IsWhole(secret []byte) bool { return Is(secret) && whole.Match(secret) }

// A Token is what is kept of a token.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"` // for people
	Entry   string    `json:"entry"`          // DN of the entry that it acts as
	APIs    []string  `json:"apis"`           // what it may be used for
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Hash    string    `json:"sha256"` // of the whole token, in hexadecimal
}

// For reports whether the token may be used for an API.
func (t Token) For(api string) bool { return slices.Contains(t.APIs, api) }

// ErrNone is returned by Find for a secret that is no token, or one that has
// expired.
var ErrNone = errors.New("there is no such token, or it has expired")

// ErrNotFound is returned by Revoke for an ID that no token has.
var ErrNotFound = errors.New("no token has this ID")

// A Store is a file of tokens. It is safe for concurrent use, also by several
// processes.
type Store struct {
	path string

	mu   sync.Mutex // to read the file
	last atomic.Pointer[content]
}

// content is what a file held.
type content struct {
	seen fs.FileInfo // of the file; nil if there was none
	byID map[string]kept
}

// kept is a token with its hash as octets.
type kept struct {
	Token
	hash [sha256.Size]byte
}

// Open returns the Store in a file, which need not exist yet.
func Open(path string) *Store { return &Store{path: path} }

// file is the form of the file.
type file struct {
	Version int     `json:"version"`
	Tokens  []Token `json:"tokens"`
}

const (
	version = 1
	maxSize = 16 << 20
)

// Create makes a token and returns it with the secret, which is not kept.
// The fields ID, Created and Hash of t are set here.
func (s *Store) Create(t Token) (Token, string, error) {
	switch {
	case t.Entry == "":
		return Token{}, "", errors.New("a token needs an entry")
	case len(t.APIs) == 0:
		return Token{}, "", errors.New("a token needs an API")
	case !t.Expires.After(time.Now()):
		return Token{}, "", errors.New("a token has to end in the future")
	}
	t.ID = strings.ToLower(rand.Text()[:10])
	secret := prefix + t.ID + "_" + rand.Text()
	hash := sha256.Sum256([]byte(secret))
	t.Hash = hex.EncodeToString(hash[:])
	t.Created = time.Now().UTC().Truncate(time.Second)
	t.Expires = t.Expires.UTC().Truncate(time.Second)
	err := s.update(func(f *file) error {
		f.Tokens = append(f.Tokens, t)
		return nil
	})
	if err != nil {
		return Token{}, "", err
	}
	return t, secret, nil
}

// List returns all tokens, the oldest first.
func (s *Store) List() ([]Token, error) {
	f, _, err := s.read()
	return f.Tokens, err
}

// Revoke removes a token. Its error is ErrNotFound if there is none.
func (s *Store) Revoke(id string) error {
	return s.update(func(f *file) error {
		n := len(f.Tokens)
		f.Tokens = slices.DeleteFunc(f.Tokens, func(t Token) bool { return t.ID == id })
		if len(f.Tokens) == n {
			return ErrNotFound
		}
		return nil
	})
}

// Find returns the token that a secret belongs to. Its error is ErrNone if
// there is none, and another one if the file cannot be read.
func (s *Store) Find(secret []byte) (Token, error) {
	id, _, ok := bytes.Cut(bytes.TrimPrefix(secret, []byte(prefix)), []byte("_"))
	if !ok || !Is(secret) {
		return Token{}, ErrNone
	}
	c, err := s.current()
	if err != nil {
		return Token{}, err
	}
	t, ok := c.byID[string(id)]
	got := sha256.Sum256(secret)
	if subtle.ConstantTimeCompare(got[:], t.hash[:]) != 1 || !ok || !time.Now().Before(t.Expires) {
		return Token{}, ErrNone
	}
	return t.Token, nil
}

// current returns the tokens in the file as it is now. To look at the file
// nobody waits for another.
func (s *Store) current() (*content, error) {
	info, err := os.Stat(s.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		info = nil
	}
	if c := s.last.Load(); c != nil && same(c.seen, info) {
		return c, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, info, err := s.read()
	if err != nil {
		s.last.Store(nil)
		return nil, err
	}
	c := &content{info, make(map[string]kept, len(f.Tokens))}
	for _, t := range f.Tokens {
		k := kept{Token: t}
		if _, err := hex.Decode(k.hash[:], []byte(t.Hash)); err != nil {
			return nil, err
		}
		c.byID[t.ID] = k
	}
	s.last.Store(c)
	return c, nil
}

// same reports whether two looks at the file saw the same content. Every
// change makes another file.
func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// read reads the file. One that others may read or write is an error: who
// can write it can make tokens.
func (s *Store) read() (file, fs.FileInfo, error) {
	in, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return file{Version: version}, nil, nil
	}
	if err != nil {
		return file{}, nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return file{}, nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return file{}, nil, fmt.Errorf("%s is open to others than its owner: its mode must be 0600", s.path)
	}
	b, err := io.ReadAll(io.LimitReader(in, maxSize+1))
	if err != nil {
		return file{}, nil, err
	}
	f, err := parse(b)
	if err != nil {
		return file{}, nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return f, info, nil
}

func parse(b []byte) (file, error) {
	var f file
	if len(b) > maxSize {
		return f, errors.New("the file is too large")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return file{}, fmt.Errorf("no file of tokens: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return file{}, errors.New("no file of tokens: something follows them")
	}
	if f.Version != version {
		return file{}, fmt.Errorf("version %d of the file is not known", f.Version)
	}
	seen := make(map[string]bool)
	for _, t := range f.Tokens {
		h, err := hex.DecodeString(t.Hash)
		if t.ID == "" || seen[t.ID] || t.Entry == "" || err != nil || len(h) != sha256.Size {
			return file{}, fmt.Errorf("the token %q is damaged", t.ID)
		}
		seen[t.ID] = true
	}
	return f, nil
}

// update changes the file while no other process does.
func (s *Store) update(change func(*file) error) error {
	unlock, err := lock(s.path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	f, _, err := s.read()
	if err != nil {
		return err
	}
	if err := change(&f); err != nil {
		return err
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return replace(s.path, append(b, '\n'))
}

// replace writes a file in one step, readable by its owner alone.
func replace(path string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tokens-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // once renamed, there is nothing to remove
	_, err = tmp.Write(b)
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
