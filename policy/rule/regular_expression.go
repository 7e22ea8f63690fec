package rule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// RegularExpression demands that a password match a pattern, or that it does
// not. Make it with NewRegularExpression.
type RegularExpression struct {
	pattern string
	reject  bool
	match   func(password string) (bool, error)
	facts   facts
}

// A RegexpMode says how much of the password a pattern must cover to match.
type RegexpMode int

// The ways to match.
const (
	// Strictest refuses whenever one of the others would: it is for servers
	// whose way is not documented, such as PingDirectory.
	Strictest RegexpMode = iota
	Find                 // any part
	Full                 // the whole password
)

// matchTimeout bounds the engine that backtracks. Its clock is coarse, so
// that a match may take some tenths of a second more.
const matchTimeout = 200 * time.Millisecond

// NewRegularExpression compiles a pattern in the dialect of java.util.regex.
// With reject, matching passwords are refused, else those that do not match.
//
// The standard library matches where it can. A pattern with look-around, back
// references or atomic groups takes an engine that backtracks and is given a
// fifth of a second; a password that it cannot judge in that time is refused.
// Patterns that neither engine reads as Java does (class intersections,
// nested classes, possessive quantifiers) are an error.
func NewRegularExpression(pattern string, reject bool, mode RegexpMode) (*RegularExpression, error) {
	translated, err := fromJava(pattern)
	if err != nil {
		return nil, err
	}
	full := mode == Full || mode == Strictest && !reject
	whole := translated
	if full {
		whole = `\A(?:` + translated + `)\z`
	}
	r := &RegularExpression{pattern: pattern, reject: reject}
	if re, err := regexp.Compile(whole); err == nil {
		r.match = func(password string) (bool, error) { return re.MatchString(password), nil }
	} else {
		// The error of this engine is the one to show: it knows more.
		re, err := regexp2.Compile(whole, regexp2.RE2)
		if err != nil {
			return nil, fmt.Errorf("the pattern cannot be read: %w", err)
		}
		re.MatchTimeout = matchTimeout
		r.match = re.MatchString
	}
	if reject {
		r.facts = rejectFacts(translated, full)
	} else {
		r.facts = requireFacts(translated, full)
	}
	return r, nil
}

// fromJava rewrites the POSIX classes of java.util.regex and refuses what the
// engines would read as something else without saying so.
func fromJava(pattern string) (string, error) {
	var b strings.Builder
	class := false // inside [...]
	first := false // at the first character of a class
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		wasFirst := first
		first = false
		switch {
		case c == '\\' && strings.HasPrefix(pattern[i:], `\Q`):
			end := strings.Index(pattern[i:], `\E`)
			if end < 0 {
				end = len(pattern) - i
			}
			quoted := regexp.QuoteMeta(pattern[i+2 : i+end])
			if class {
				quoted = strings.ReplaceAll(quoted, "-", `\-`)
			}
			b.WriteString(quoted)
			i += end + 1
		case c == '\\' && i+1 < len(pattern):
			if name, size := javaClass(pattern[i:]); size > 0 {
				if class {
					b.WriteString(name)
				} else {
					b.WriteString("[" + name + "]")
				}
				i += size - 1
				continue
			}
			b.WriteString(pattern[i : i+2])
			i++
		case class && c == ']' && !wasFirst:
			class = false
			b.WriteByte(c)
		case class && c == '[':
			return "", fmt.Errorf("the pattern has a class inside a class, at octet %d, which is not supported", i)
		case class && strings.HasPrefix(pattern[i:], "&&"):
			return "", fmt.Errorf("the pattern has an intersection of classes, at octet %d, which is not supported", i)
		case class && wasFirst && c == '^':
			first = true
			b.WriteByte(c)
		case !class && c == '[':
			class, first = true, true
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// javaClass reads a POSIX class such as \p{Lower} at the start of s and
// returns its form inside brackets with the octets read; 0 if there is none.
func javaClass(s string) (string, int) {
	end := strings.IndexByte(s, '}')
	if end < 0 || len(s) < 4 || s[2] != '{' || s[1] != 'p' && s[1] != 'P' {
		return "", 0
	}
	name := s[3:end]
	switch name {
	case "Lower", "Upper", "Alpha", "Digit", "Alnum", "Punct", "Graph", "Print", "Blank", "Cntrl", "XDigit", "Space", "ASCII":
	default:
		return "", 0
	}
	not := ""
	if s[1] == 'P' {
		not = "^"
	}
	return "[:" + not + strings.ToLower(name) + ":]", end + 1
}

// Check implements Rule.
func (r *RegularExpression) Check(password []byte, _ Subject) []string {
	matched, err := r.match(string(password))
	switch {
	case err != nil:
		// The error's text holds the password.
		return []string{"The password could not be compared with a pattern in time."}
	case matched && r.reject:
		return []string{"The password matches a pattern that is not allowed."}
	case !matched && !r.reject:
		return []string{"The password does not match the pattern required."}
	}
	return nil
}

// Requirement implements Rule.
func (r *RegularExpression) Requirement() Requirement {
	behaviour, verb := "require-match", "must match"
	if r.reject {
		behaviour, verb = "reject-match", "must not match"
	}
	return Requirement{
		Text: "The password " + verb + " the regular expression " + strconv.Quote(r.pattern) + ".",
		Type: "regular-expression",
		Properties: []Property{
			{"match-pattern", r.pattern},
			{"match-behavior", behaviour},
		},
	}
}

// Narrow implements Shaper: it states what follows from the pattern without
// doubt, such as the characters and the lengths that can match at all. The
// rest is for Check.
func (r *RegularExpression) Narrow(shape *generate.Shape) { r.facts.narrow(shape) }
