package opendj

import (
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// Name is the dialect's name in configuration and output.
const Name = "opendj"

// A Variant is one of the two products whose validators share names but not
// meanings.
type Variant int

const (
	// Auto takes each validator entry as the product meant that it is
	// written for: by the attributes that only one of them has, then by
	// ds-cfg-java-class. Where neither tells, it is OpenDJ, whose defaults
	// are the stricter ones.
	Auto Variant = iota
	Ping
	OpenDJ
)

// String returns "auto", "ping" or "opendj".
func (v Variant) String() string {
	switch v {
	case Ping:
		return "ping"
	case OpenDJ:
		return "opendj"
	}
	return "auto"
}

// Config tunes a Dialect. The zero Config is for a directory that tells
// everything itself.
type Config struct {
	// Variant says whose meaning validators have that differ between
	// PingDirectory and OpenDJ: attribute-value and dictionary.
	Variant Variant

	// DefaultPolicy is the DN of the policy in force for entries that name
	// none, by the suffix that they are under ("" for all others, and for
	// requests without an entry). It counts only where
	// ds-cfg-default-password-policy of cn=config is absent or cannot be
	// read.
	DefaultPolicy map[string]string

	// OwnResolution leaves pwdPolicySubentry unread. It is for a directory
	// that computes the attribute with this dialect, or not as it resolves
	// policies.
	OwnResolution bool

	// WordList returns the words of a dictionary-file that a validator or
	// generator names, such as "config/wordlist.txt", or an error that wraps
	// fs.ErrNotExist if it has none of that name. The name comes from the
	// directory: an implementation must look it up among names that it
	// knows, never open it as a path. Each list is asked for once in the
	// life of a Dialect and must not be changed afterwards.
	//
	// Lists that WordList does not have, or all if it is nil, are looked up
	// among the built-in ones: passphrase-wordlist.txt, wordlist.txt and
	// commonly-used-passwords.txt, with or without "config/".
	WordList func(name string) ([]string, error)

	// Breaches returns the source of breached passwords for a
	// pwned-passwords validator whose range API is at baseURL. The URL comes
	// from the directory: an implementation decides whether it may be asked.
	// If nil, a policy that names such a validator is refused, since nobody
	// would check it.
	Breaches func(baseURL string) (rule.Breaches, error)
}

// A Dialect implements policy.Dialect. It is safe for concurrent use.
type Dialect struct {
	cfg   Config
	lists lists
}

var _ policy.Dialect = (*Dialect)(nil)

// New returns the dialect.
func New(cfg Config) *Dialect { return &Dialect{cfg: cfg, lists: lists{from: cfg.WordList}} }

// Name returns "opendj".
func (d *Dialect) Name() string { return Name }
