package rule

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/dlclark/regexp2"
)

// compileBRE returns a matcher for a POSIX basic regular expression as
// regcomp of glibc reads it in the C locale, with REG_ICASE and without
// REG_NEWLINE, found anywhere. An error means that regcomp refuses it too.
//
// The pattern is written again for an engine of Go, octets as the code points
// of the same number, so that "." is one octet there as well.
func compileBRE(pattern string) (func(password []byte) (bool, error), error) {
	if !strings.ContainsAny(pattern, `\.[*^$`) {
		plain := lowerASCII([]byte(pattern))
		return func(password []byte) (bool, error) {
			return bytes.Contains(lowerASCII(password), plain), nil
		}, nil
	}
	p := breParser{in: pattern}
	translated, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	translated = "(?s)" + translated
	if !p.backtracks {
		if re, err := regexp.Compile(translated); err == nil {
			return func(password []byte) (bool, error) { return re.MatchString(latin1(lowerASCII(password))), nil }, nil
		}
	}
	re, err := regexp2.Compile(translated, regexp2.RE2)
	if err != nil {
		return nil, fmt.Errorf("the pattern cannot be read: %w", err)
	}
	re.MatchTimeout = matchTimeout
	return func(password []byte) (bool, error) { return re.MatchString(latin1(lowerASCII(password))) }, nil
}

// latin1 makes a character of each octet.
func latin1(b []byte) string {
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = rune(c)
	}
	return string(out)
}

type breParser struct {
	in         string
	at         int
	opened     int    // groups begun
	closed     uint16 // bit set of the groups 1 to 9 that a back reference may mean here
	backtracks bool
}

// maxBREDepth keeps hostile values from exhausting the stack.
const maxBREDepth = 200

var errBRE = errors.New("malformed basic regular expression")

// expression reads alternatives up to the end, or up to the \) that closes
// the group it is in.
func (p *breParser) expression(depth int) (string, error) {
	if depth > maxBREDepth {
		return "", errBRE
	}
	var done strings.Builder
	var atoms []string
	before, elsewhere := p.closed, uint16(0) // groups ended before here, and in other alternatives
	defer func() { p.closed |= elsewhere }()
	repeatable := false // whether * repeats the last atom
	repeated := false   // whether it is repeated already: twice is an error
	caret := true       // whether ^ is an anchor here
	for p.at < len(p.in) {
		anchors, again := caret, repeated
		caret, repeated = false, false
		c := p.in[p.at]
		p.at++
		if c == '\\' {
			if p.at == len(p.in) {
				return "", errBRE
			}
			c = p.in[p.at]
			p.at++
			switch {
			case c == '(':
				p.opened++
				group := p.opened
				inner, err := p.expression(depth + 1)
				if err != nil {
					return "", err
				}
				if group <= 9 {
					p.closed |= 1 << group
				}
				atoms, repeatable = append(atoms, "("+inner+")"), true
			case c == ')':
				if depth == 0 {
					return "", errBRE
				}
				return done.String() + strings.Join(atoms, ""), nil
			case c == '|':
				done.WriteString(strings.Join(atoms, "") + "|")
				atoms, repeatable, caret = nil, false, true
				elsewhere |= p.closed
				p.closed = before
			case c == '{':
				bounds, err := p.interval()
				if err != nil || !repeatable || again {
					return "", errBRE
				}
				repeated = true
				atoms[len(atoms)-1] = "(?:" + atoms[len(atoms)-1] + ")" + bounds
			case (c == '+' || c == '?') && repeatable:
				repeated = true
				atoms[len(atoms)-1] = "(?:" + atoms[len(atoms)-1] + ")" + string(c)
			case '1' <= c && c <= '9':
				if p.closed>>(c-'0')&1 == 0 {
					return "", errBRE
				}
				p.backtracks = true
				atoms, repeatable = append(atoms, `(?:\`+string(c)+`)`), true
			default:
				atom, anchor := gnuOperator(c)
				if atom == "" {
					atom = NewByteSet(string([]byte{c})).pattern()
				}
				p.backtracks = p.backtracks || strings.Contains(atom, "(?")
				atoms, repeatable = append(atoms, atom), !anchor
			}
			continue
		}
		switch {
		case c == '*' && again:
			return "", errBRE
		case c == '*' && repeatable:
			repeated = true
			atoms[len(atoms)-1] = "(?:" + atoms[len(atoms)-1] + ")*"
		case c == '.':
			atoms, repeatable = append(atoms, "."), true
		case c == '[':
			set, err := p.bracket()
			if err != nil {
				return "", err
			}
			atoms, repeatable = append(atoms, set.pattern()), true
		case c == '^' && anchors:
			atoms, repeatable = append(atoms, `\A`), false
		case c == '$' && (p.at == len(p.in) || strings.HasPrefix(p.in[p.at:], `\)`) || strings.HasPrefix(p.in[p.at:], `\|`)):
			atoms, repeatable = append(atoms, `\z`), false
		default:
			atoms, repeatable = append(atoms, NewByteSet(string([]byte{c})).pattern()), true
		}
	}
	if depth > 0 {
		return "", errBRE
	}
	return done.String() + strings.Join(atoms, ""), nil
}

// gnuOperator returns what glibc adds to POSIX after a backslash, and whether
// that is an anchor.
func gnuOperator(c byte) (pattern string, anchor bool) {
	switch c {
	case 'w':
		return `[0-9A-Za-z_]`, false
	case 'W':
		return `[^0-9A-Za-z_]`, false
	case 's':
		return `[\t-\r ]`, false
	case 'S':
		return `[^\t-\r ]`, false
	case 'b':
		return `\b`, true
	case 'B':
		return `\B`, true
	case '<':
		return `\b(?=[0-9A-Za-z_])`, true
	case '>':
		return `\b(?<=[0-9A-Za-z_])`, true
	case '`':
		return `\A`, true
	case '\'':
		return `\z`, true
	}
	return "", false
}

// interval reads m, m,n or m, up to \} and returns it in braces.
func (p *breParser) interval() (string, error) {
	text, rest, ok := strings.Cut(p.in[p.at:], `\}`)
	if !ok {
		return "", errBRE
	}
	p.at = len(p.in) - len(rest)
	low, high, comma := strings.Cut(text, ",")
	if low == "" && comma {
		low = "0"
	}
	m, err := strconv.ParseUint(low, 10, 15)
	if err != nil {
		return "", errBRE
	}
	switch {
	case !comma:
		return fmt.Sprintf("{%d}", m), nil
	case high == "":
		return fmt.Sprintf("{%d,}", m), nil
	}
	n, err := strconv.ParseUint(high, 10, 15)
	if err != nil || n < m {
		return "", errBRE
	}
	return fmt.Sprintf("{%d,%d}", m, n), nil
}

// bracket reads a bracket expression after its "[".
func (p *breParser) bracket() (ByteSet, error) {
	var set ByteSet
	not := false
	if strings.HasPrefix(p.in[p.at:], "^") {
		not = true
		p.at++
	}
	for first := true; ; first = false {
		if p.at >= len(p.in) {
			return set, errBRE
		}
		if p.in[p.at] == ']' && !first {
			p.at++
			break
		}
		if strings.HasPrefix(p.in[p.at:], "[:") {
			name, rest, ok := strings.Cut(p.in[p.at+2:], ":]")
			class, known := posixClass(name)
			if !ok || !known {
				return set, errBRE
			}
			set = set.Union(class)
			p.at = len(p.in) - len(rest)
			continue
		}
		low, err := p.endpoint()
		if err != nil {
			return set, err
		}
		high := low
		if rest := p.in[p.at:]; len(rest) > 1 && rest[0] == '-' && rest[1] != ']' {
			p.at++
			if high, err = p.endpoint(); err != nil || high < low {
				return set, errBRE
			}
		}
		for b := int(low); b <= int(high); b++ {
			set[b>>6] |= 1 << (b & 63)
		}
	}
	set = set.foldCase()
	if not {
		set = set.Not()
	}
	return set, nil
}

// endpoint reads one character of a bracket expression, which may be written
// as [.c.] or [=c=].
func (p *breParser) endpoint() (byte, error) {
	rest := p.in[p.at:]
	if len(rest) == 0 {
		return 0, errBRE
	}
	if len(rest) >= 2 && rest[0] == '[' && (rest[1] == '.' || rest[1] == '=') {
		if len(rest) < 5 || rest[3] != rest[1] || rest[4] != ']' {
			return 0, errBRE
		}
		p.at += 5
		return rest[2], nil
	}
	p.at++
	return rest[0], nil
}

// posixClass returns a character class of the C locale.
func posixClass(name string) (ByteSet, bool) {
	const (
		digits = "0123456789"
		uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		lowers = "abcdefghijklmnopqrstuvwxyz"
		puncts = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	)
	chars, ok := map[string]string{
		"alpha":  uppers + lowers,
		"digit":  digits,
		"alnum":  digits + uppers + lowers,
		"upper":  uppers,
		"lower":  lowers,
		"space":  "\t\n\v\f\r ",
		"blank":  "\t ",
		"punct":  puncts,
		"graph":  puncts + digits + uppers + lowers,
		"print":  puncts + digits + uppers + lowers + " ",
		"xdigit": digits + "ABCDEFabcdef",
		"cntrl":  "",
	}[name]
	set := NewByteSet(chars)
	if name == "cntrl" {
		set[0] = 1<<32 - 1
		set[1] = 1 << 63
	}
	return set, ok
}

// foldCase adds the other case of each ASCII letter.
func (s ByteSet) foldCase() ByteSet {
	for b := byte('a'); b <= 'z'; b++ {
		if s.Contains(b) || s.Contains(b^0x20) {
			s = s.Union(NewByteSet(string([]byte{b, b ^ 0x20})))
		}
	}
	return s
}

// pattern returns a class for the code points with the numbers of the octets,
// in either case.
func (s ByteSet) pattern() string {
	s = s.foldCase()
	if s.Len() == 0 {
		return `[^\x{0}-\x{10FFFF}]`
	}
	var b strings.Builder
	b.WriteByte('[')
	for i := range 256 {
		if s.Contains(byte(i)) {
			fmt.Fprintf(&b, `\x{%02X}`, i)
		}
	}
	b.WriteByte(']')
	return b.String()
}
