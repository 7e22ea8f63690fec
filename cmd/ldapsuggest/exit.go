package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// Exit codes besides 0. docs/commands/ldapsuggest.md tells them to users:
// scripts count on them.
const (
	exitFailure      = 1   // any other failure
	exitUsage        = 2   // the command line
	exitRejected     = 3   // suggest, policy check: a password would be refused; breach check: one is public
	exitUnreachable  = 4   // no answer, none in time, or a server that is not trusted
	exitCredentials  = 5   // name and password
	exitRights       = 6   // who asks may not
	exitNotFound     = 7   // no such entry, policy or token
	exitUnwilling    = 8   // nothing satisfies the policy, or the server will not
	exitConfig       = 9   // the configuration
	exitBusy         = 10  // asked too often
	exitConfidential = 11  // the connection is not protected as it must be
	exitInterrupted  = 130 // by a signal or at a question, as shells have it
)

// errRejected is an answer with a password that the directory would refuse.
var errRejected = errors.New("a password would be refused")

// errInterrupted is a question that the user did not answer. The user knows,
// so it is not told.
var errInterrupted = errors.New("interrupted")

// exitCode returns the code that an error ends the program with.
func exitCode(err error) int {
	var wrong *usageError
	var conf *configError
	var res *result.Error
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errRejected):
		return exitRejected
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &wrong):
		return exitUsage
	case errors.As(err, &conf):
		return exitConfig
	case errors.As(err, &res):
		return resultExitCode(decisive(res))
	case errors.Is(err, errNotFound):
		return exitNotFound
	case untrusted(err) != nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ECONNREFUSED):
		return exitUnreachable
	}
	return exitFailure
}

// errNotFound marks what was asked for by name and is not there.
var errNotFound = errors.New("not found")

// decisive returns the result that tells what happened: a directory that is
// not available because it refused the service account has refused it.
func decisive(err *result.Error) *result.Error {
	var cause *result.Error
	if err.Code == result.Unavailable && errors.As(err.Cause, &cause) {
		return cause
	}
	return err
}

func resultExitCode(err *result.Error) int {
	switch err.Code {
	case result.Unavailable, result.TimeLimitExceeded:
		return exitUnreachable
	case result.InvalidCredentials, result.InappropriateAuthentication:
		return exitCredentials
	case result.InsufficientAccessRights, result.AuthorizationDenied:
		return exitRights
	case result.NoSuchObject:
		return exitNotFound
	case result.UnwillingToPerform:
		return exitUnwilling
	case result.Busy:
		return exitBusy
	case result.ConfidentialityRequired, result.StrongerAuthRequired:
		return exitConfidential
	}
	return exitFailure
}

// untrusted returns the error of a certificate that was not accepted, nil if
// that is not what happened.
func untrusted(err error) error {
	var failed *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return authority
	case errors.As(err, &name):
		return name
	case errors.As(err, &invalid):
		return invalid
	case errors.As(err, &failed):
		return failed
	}
	return nil
}

// A usageError is a command line that cannot be understood.
type usageError struct {
	text string
	near string // what was perhaps meant
}

func (e *usageError) Error() string { return e.text }

func misuse(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// unknownCommand is the usage error for a command or a verb that is none of
// those that are known.
func unknownCommand(name, word string, known []string) error {
	e := &usageError{text: fmt.Sprintf("unknown command %q", strings.TrimSpace(name+" "+word))}
	if near := nearest(word, known); near != "" {
		e.near = strings.TrimSpace("ldapsuggest " + name + " " + near)
		e.near = strings.Join(strings.Fields(e.near), " ")
	}
	return e
}

// A configError is a configuration that cannot be used.
type configError struct{ error }

func (e *configError) Unwrap() error { return e.error }

// misconfigured marks an error as one of the configuration.
func misconfigured(err error) error {
	var wrong *usageError
	if err == nil || errors.As(err, &wrong) || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return &configError{err}
}

// A hinted error tells what to do about it.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// A reworded error is told in other words than its own, and keeps its kind.
type reworded struct {
	text string
	err  error
}

func (r *reworded) Error() string { return r.text }
func (r *reworded) Unwrap() error { return r.err }

// complain prints an error and what to do about it.
func (p *program) complain(err error, name string) {
	red, off := p.colour(p.stderr, red)
	fmt.Fprintf(p.stderr, "ldapsuggest: %s%v%s\n", red, err, off)
	for _, hint := range hints(err, name) {
		fmt.Fprintf(p.stderr, "ldapsuggest: hint: %s\n", hint)
	}
}

// hints returns what to try next.
func hints(err error, name string) []string {
	var h *hinted
	if errors.As(err, &h) {
		return []string{h.hint}
	}
	var wrong *usageError
	if errors.As(err, &wrong) {
		see := strings.TrimSpace("see ldapsuggest help " + name)
		if wrong.near != "" {
			return []string{fmt.Sprintf("did you mean %s?", wrong.near), see}
		}
		return []string{see}
	}
	return nil
}

// An asked is what was asked of a server, for the hints about its answer.
type asked struct {
	server string // as the user knows it
	front  bool   // it should be a front end, not a directory
	dn     string // who asked
	target string // about whom; may be empty
}

// explain adds to a failure what to do about it.
func (a asked) explain(err error) error {
	var res *result.Error
	if !errors.As(err, &res) {
		return err
	}
	res = decisive(res)
	text := fmt.Sprintf("%s (%d)", res.Code, int(res.Code))
	switch {
	case res.Code == result.Unavailable && res.Cause != nil: // nobody answered
		text = fmt.Sprintf("no answer from %s: %v", a.server, res.Cause)
	case res.Text != "":
		text += ": " + res.Text
	}
	if res.MatchedDN != "" {
		text += "; the directory knows " + res.MatchedDN
	}
	told := &reworded{text, err}
	if hint := a.hint(res); hint != "" {
		return &hinted{told, hint}
	}
	return told
}

func (a asked) hint(res *result.Error) string {
	var name x509.HostnameError
	var dns *net.DNSError
	bad := untrusted(res)
	switch {
	case errors.As(bad, &name):
		return "-H must name the server as its certificate does: " + name.Error()
	case bad != nil && a.front:
		return `--cacert FILE names a certificate to trust; "ldapsuggest serve" keeps the one that it made in DATA/tls.crt`
	case bad != nil:
		return "--cacert FILE, or directory.caFile in the configuration, names a certificate to trust"
	case errors.As(res, &dns):
		return "check the name of the server: " + dns.Name
	}
	switch res.Code {
	case result.Unavailable:
		if a.front && res.Cause == nil {
			return `the front end has lost the directory behind it: its log, and /readyz of its metrics, tell why`
		}
		if a.front {
			return fmt.Sprintf(`is a server listening at %s? "ldapsuggest serve" starts one`, a.server)
		}
		return fmt.Sprintf("is a directory listening at %s?", a.server)
	case result.InvalidCredentials:
		if a.dn == "" {
			return "check the name and the password"
		}
		return "check -D and the password"
	case result.ConfidentialityRequired, result.StrongerAuthRequired:
		return "add -ZZ, or use an ldaps:// URL"
	case result.ProtocolError:
		if a.front {
			return "does -H name an ldapsuggest server, or the directory behind it?"
		}
	case result.InsufficientAccessRights:
		if a.front && a.target != "" {
			return "the directory must let " + a.dn + " read the target entry: the right to search, on its entry and objectClass"
		}
		if !a.front {
			return "docs/dialects has, for each directory, the rights that the service account needs"
		}
	case result.AuthorizationDenied:
		return "the directory must let " + a.dn + " act as the other identity"
	case result.NoSuchObject:
		if a.target != "" {
			return "check the DN: above a target that does not exist there must be an entry that does"
		}
	case result.UnwillingToPerform:
		return `"ldapsuggest policy explain" tells what the policy demands, and which demands exclude each other`
	case result.Busy:
		return "wait a moment and ask again: rateLimit in the server's configuration says how often"
	}
	return ""
}

// nearest returns the word of a list that was perhaps meant, empty if none
// is near.
func nearest(word string, known []string) string {
	best, at := "", 0
	for _, k := range slices.Sorted(slices.Values(known)) {
		d := distance(word, k)
		if len(word) > 2 && strings.HasPrefix(k, word) {
			d = 1
		}
		// One slip in a short word, two in a longer one.
		if d <= min(2, (max(len(word), len(k))+1)/3) && (best == "" || d < at) {
			best, at = k, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour that make one word of the other.
func distance(a, b string) int {
	before := make([]int, len(b)+1)
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(last[j+1]+1, next[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, last = last, next
	}
	return last[len(b)]
}
