package pwhash

import (
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"strconv"
	"strings"

	"github.com/go-crypt/crypt"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/md5crypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"golang.org/x/crypto/argon2"
)

// The errors of Parse. None holds any of what was parsed.
var (
	ErrScheme = errors.New("pwhash: unknown scheme")
	ErrFormat = errors.New("pwhash: malformed hash")
	ErrCost   = errors.New("pwhash: the hash asks for more work than is allowed")
)

// Bounds on what a stored hash may make a verification cost. An entry from
// elsewhere could otherwise stall the server.
const (
	maxIterations   = 2_000_000  // PBKDF2
	maxArgonMemory  = 256 * 1024 // KiB
	maxArgonTime    = 16
	maxArgonThreads = 16
	maxCryptRounds  = 1_000_000
	maxBcryptCost   = 14
)

// salted are the schemes of a plain digest followed by its salt, in base64,
// with whether there has to be a salt. The names without tell little: 389
// Directory Server verifies, and FreeIPA writes, a salt under {SHA512}.
var salted = map[string]struct {
	new  func() hash.Hash
	salt bool
}{
	"MD5":     {md5.New, false},
	"SMD5":    {md5.New, true},
	"SHA":     {sha1.New, false},
	"SSHA":    {sha1.New, true},
	"SHA256":  {sha256.New, false},
	"SSHA256": {sha256.New, true},
	"SHA384":  {sha512.New384, false},
	"SSHA384": {sha512.New384, true},
	"SHA512":  {sha512.New, false},
	"SSHA512": {sha512.New, true},
}

var pbkdf = map[string]func() hash.Hash{
	"PBKDF2":        sha1.New,
	"PBKDF2-SHA1":   sha1.New,
	"PBKDF2-SHA256": sha256.New,
	"PBKDF2-SHA512": sha512.New,
}

// split separates "{SCHEME}rest". ok is false if there is no scheme.
func split(stored string) (scheme, rest string, ok bool) {
	if !strings.HasPrefix(stored, "{") {
		return "", "", false
	}
	scheme, rest, ok = strings.Cut(stored[1:], "}")
	return strings.ToUpper(scheme), rest, ok
}

// Scheme returns the name of a value's scheme in upper case, as in "SSHA";
// empty if the value names none.
func Scheme(value string) string {
	scheme, _, _ := split(value)
	return scheme
}

// Known reports whether value is a hash in a scheme that can be verified:
// the scheme is known and what follows has its form.
func Known(value string) bool {
	_, err := Parse(value)
	return err == nil
}

// A Verifier reports whether a password is the one that was stored. It is
// safe for concurrent use and does not retain the password. It may take a
// second, and 256 MiB.
type Verifier func(password []byte) bool

// Parse returns the verifier of a hash. Its error is ErrScheme for a scheme
// that is not known here, and for no scheme at all; ErrFormat; or ErrCost.
func Parse(value string) (Verifier, error) {
	scheme, rest, ok := split(value)
	if !ok {
		return nil, ErrScheme
	}
	if s, ok := salted[scheme]; ok {
		return parseDigest(s.new, s.salt, rest)
	}
	if h, ok := pbkdf[scheme]; ok {
		return parsePBKDF2(h, rest)
	}
	switch scheme {
	case "ARGON2":
		return parseArgon2(rest)
	case "PBKDF2_SHA256":
		return parsePBKDF2Block(rest)
	case "CRYPT", "CRYPT-MD5", "CRYPT-SHA256", "CRYPT-SHA512":
		return parseCrypt(rest)
	}
	return nil, ErrScheme
}

// ParseStored is Parse for a value that may be in clear text, which is one
// with {CLEARTEXT} or {CLEAR} before it, or without a scheme. Its error is
// ErrScheme for an unknown scheme: such a value may be anything.
func ParseStored(value string) (Verifier, error) {
	scheme, rest, ok := split(value)
	switch {
	case !ok:
		rest = value
	case scheme != "CLEARTEXT" && scheme != "CLEAR":
		return Parse(value)
	}
	return Clear([]byte(rest)), nil
}

// Clear returns the verifier of a password in clear text, which it retains.
func Clear(stored []byte) Verifier {
	return func(password []byte) bool { return subtle.ConstantTimeCompare(password, stored) == 1 }
}

func parseDigest(newHash func() hash.Hash, needsSalt bool, rest string) (Verifier, error) {
	b, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		// Some writers leave the padding out.
		b, err = base64.RawStdEncoding.DecodeString(rest)
	}
	size := newHash().Size()
	if err != nil || len(b) < size || len(b) == size && needsSalt {
		return nil, ErrFormat
	}
	want, salt := b[:size], b[size:]
	return func(password []byte) bool {
		h := newHash()
		h.Write(password)
		h.Write(salt)
		return subtle.ConstantTimeCompare(h.Sum(nil), want) == 1
	}, nil
}

// ab64 is the base64 of Python's passlib: "." for "+", no padding.
var ab64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./").WithPadding(base64.NoPadding)

// parsePBKDF2 reads "rounds$salt$hash" with ab64 fields, as OpenLDAP's
// pw-pbkdf2 and 389 Directory Server write it.
func parsePBKDF2(newHash func() hash.Hash, rest string) (Verifier, error) {
	fields := strings.Split(rest, "$")
	if len(fields) != 3 {
		return nil, ErrFormat
	}
	rounds, err := strconv.Atoi(fields[0])
	if err != nil || rounds < 1 {
		return nil, ErrFormat
	}
	var raw [2][]byte
	for i, f := range fields[1:] {
		f = strings.TrimRight(strings.ReplaceAll(f, "+", "."), "=")
		if raw[i], err = ab64.DecodeString(f); err != nil {
			return nil, ErrFormat
		}
	}
	return pbkdf2Verifier(newHash, rounds, raw[0], raw[1])
}

// parsePBKDF2Block reads the older form of 389 Directory Server: base64 of
// the rounds as 4 octets, a salt of 64 and a key of 256.
func parsePBKDF2Block(rest string) (Verifier, error) {
	b, err := base64.StdEncoding.DecodeString(rest)
	if err != nil || len(b) != 4+64+256 {
		return nil, ErrFormat
	}
	return pbkdf2Verifier(sha256.New, int(binary.BigEndian.Uint32(b)), b[4:68], b[68:])
}

func pbkdf2Verifier(newHash func() hash.Hash, rounds int, salt, want []byte) (Verifier, error) {
	switch {
	case rounds < 1 || len(want) < 16 || len(want) > 512:
		return nil, ErrFormat
	case rounds > maxIterations:
		return nil, ErrCost
	}
	return func(password []byte) bool {
		got, err := pbkdf2.Key(newHash, string(password), salt, rounds, len(want))
		return err == nil && subtle.ConstantTimeCompare(got, want) == 1
	}, nil
}

// argonParams are the cost parameters of an Argon2 PHC string.
type argonParams struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

// parseArgon2 reads "$argon2id$v=19$m=…,t=…,p=…$salt$hash".
// slapd's module writes a NUL behind it, and one octet of whatever follows in
// memory.
func parseArgon2(rest string) (Verifier, error) {
	rest, _, _ = strings.Cut(rest, "\x00")
	f := strings.Split(rest, "$")
	if len(f) != 6 || f[0] != "" || f[2] != "v=19" {
		return nil, ErrFormat
	}
	var p argonParams
	for kv := range strings.SplitSeq(f[3], ",") {
		k, v, _ := strings.Cut(kv, "=")
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil || n == 0 {
			return nil, ErrFormat
		}
		switch k {
		case "m":
			p.memory = uint32(n)
		case "t":
			p.time = uint32(n)
		case "p":
			if n > maxArgonThreads {
				return nil, ErrCost
			}
			p.threads = uint8(n)
		default:
			return nil, ErrFormat
		}
	}
	if p.memory == 0 || p.time == 0 || p.threads == 0 {
		return nil, ErrFormat
	}
	if p.memory > maxArgonMemory || p.time > maxArgonTime {
		return nil, ErrCost
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(f[4])
	want, err2 := base64.RawStdEncoding.DecodeString(f[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(want) < 16 || len(want) > 512 {
		return nil, ErrFormat
	}
	key := argon2.IDKey
	switch f[1] {
	case "argon2id":
	case "argon2i":
		key = argon2.Key
	default:
		return nil, ErrScheme
	}
	return func(password []byte) bool {
		got := key(password, salt, p.time, p.memory, p.threads, uint32(len(want)))
		return subtle.ConstantTimeCompare(got, want) == 1
	}, nil
}

// parseCrypt reads crypt(3) strings: $1$, $2*$, $5$ and $6$. DES crypt has no
// place in a directory that is reachable.
func parseCrypt(rest string) (Verifier, error) {
	fields := strings.Split(rest, "$")
	if len(fields) < 4 || fields[0] != "" {
		return nil, ErrScheme
	}
	if r, ok := strings.CutPrefix(fields[2], "rounds="); ok {
		if n, err := strconv.Atoi(r); err != nil || n > maxCryptRounds {
			return nil, ErrCost
		}
	}
	if strings.HasPrefix(fields[1], "2") {
		if n, err := strconv.Atoi(fields[2]); err != nil || n > maxBcryptCost {
			return nil, ErrCost
		}
	}
	d := crypt.NewDecoder()
	for _, register := range []func(*crypt.Decoder) error{
		func(d *crypt.Decoder) error { return shacrypt.RegisterDecoder(d) },
		func(d *crypt.Decoder) error { return bcrypt.RegisterDecoder(d) },
		func(d *crypt.Decoder) error { return md5crypt.RegisterDecoder(d) },
	} {
		if err := register(d); err != nil {
			return nil, err
		}
	}
	digest, err := d.Decode(rest)
	if err != nil {
		return nil, ErrFormat
	}
	return digest.MatchBytes, nil
}
