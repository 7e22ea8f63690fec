package policy

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A Selection says whose policy is wanted. At most one of Target and PolicyDN
// is set; with neither, it is the directory's default policy.
type Selection struct {
	Target   string // DN of an entry, which need not exist
	PolicyDN string // DN of a policy entry

	// Entry, if not nil, is the entry that is about to be added at Target.
	// What is there now does not count. A directory that lets a new entry
	// name its policy is followed.
	Entry *Entry
}

// A Dialect knows how one family of directories keeps password policies.
// Implementations are in policy/dialect, a package each.
type Dialect interface {
	// Name is the dialect's name in configuration and output.
	Name() string

	// Locate finds which policy a selection means. It reads the target
	// entry afresh; what is not about the target it reads with
	// Query.Shared.
	//
	// Errors: invalidDNSyntax(34) for a malformed DN; noSuchObject(32) with
	// the matched DN for a PolicyDN that is not there or is no policy;
	// insufficientAccessRights or other codes, with a text that names the
	// entry and the right, for what the service account may not read.
	// A Target that does not exist is no error.
	Locate(ctx context.Context, dir Directory, sel Selection) (Located, error)

	// Load reads the policy at ref, as Located.Ref gave it. What it returns
	// depends on nothing but ref and what dir answers: a policy that is read
	// again with the same answers is not compiled again.
	Load(ctx context.Context, dir Directory, ref string) (*Policy, error)
}

// Located is the outcome of Dialect.Locate.
type Located struct {
	// Ref names the policy for Load and for the cache of compiled policies:
	// equal Refs mean the same policy. It may be empty.
	Ref string

	// Subject is the target entry with the attributes that rules compare
	// with; zero without a target.
	Subject rule.Subject

	// Exists reports whether the target entry is there.
	Exists bool

	// Steps tell how the policy was found, in order.
	Steps []Step
}

// A Step is one decision on the way to a policy, for people: which entry was
// read, what it said and what followed.
type Step struct {
	DN        string // the entry read; empty if none was
	Attribute string // the attribute that decided, if one did
	Value     string
	Text      string // a sentence
}

// A Namer is a Dialect whose directory knows entries by more than their DN,
// such as a GUID or SID of Active Directory.
type Namer interface {
	// ResolveName returns the DN of the entry that a client names. A DN is
	// returned as it is, whether the entry exists or not; what is no name at
	// all is invalidDNSyntax(34).
	ResolveName(ctx context.Context, dir Directory, name string) (dn string, err error)
}
