package rule

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// facts are what a pattern says about every password that passes: necessary
// conditions, never more, so that drawing from the shape that they leave and
// checking the pattern is as uniform as drawing from everything.
type facts struct {
	min, max  int         // characters; max 0 is no bound
	only      []charRange // the characters that may occur, if restricted
	closed    bool        // whether only restricts
	counts    []charCount
	forbidden [][]charRange
	notFirst  [][]charRange
	notLast   [][]charRange
	repeats   []int // longest runs of one character
}

// A charRange is a range of code points, both ends included.
type charRange [2]rune

// A charCount demands a number of characters of a class.
type charCount struct {
	class []charRange
	min   int
}

func inRanges(ranges []charRange, r rune) bool {
	return slices.ContainsFunc(ranges, func(c charRange) bool { return c[0] <= r && r <= c[1] })
}

func (f facts) narrow(shape *generate.Shape) {
	members := func(ranges []charRange) generate.Set {
		return pick(shape.Alphabet, func(r rune) bool { return inRanges(ranges, r) })
	}
	atLeast(shape, f.min)
	atMost(shape, f.max)
	if f.closed {
		forbid(shape, pick(shape.Alphabet, func(r rune) bool { return !inRanges(f.only, r) }))
	}
	for _, c := range f.counts {
		demand(shape, members(c.class).Union(some(c.class)), c.min)
	}
	for _, c := range f.forbidden {
		forbid(shape, members(c))
	}
	for _, c := range f.notFirst {
		shape.NotFirst = shape.NotFirst.Union(members(c))
	}
	for _, c := range f.notLast {
		shape.NotLast = shape.NotLast.Union(members(c))
	}
	for _, n := range f.repeats {
		shape.Repeats = append(shape.Repeats, generate.Repeat{Max: n})
	}
}

// some returns characters of a class for an alphabet that has none of it:
// the printable ASCII ones or, if there are none, the first few letters.
func some(class []charRange) generate.Set {
	ascii := pick(generate.Printable, func(r rune) bool { return inRanges(class, r) })
	if ascii.Len() > 0 {
		return ascii
	}
	var out []rune
	for _, c := range class {
		for r := c[0]; r <= c[1] && r < c[0]+256 && len(out) < 64; r++ {
			if unicode.IsGraphic(r) {
				out = append(out, r)
			}
		}
	}
	return generate.NewSet(string(out))
}

// requireFacts is for a pattern that must match, all of the password if full.
func requireFacts(pattern string, full bool) facts {
	if !strings.Contains(pattern, "(?=") && !strings.Contains(pattern, "(?!") && !strings.Contains(pattern, "(?<") {
		re, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			return facts{}
		}
		return treeFacts(re, full, full)
	}
	parts, ok := splitLookaround(pattern)
	if !ok {
		return facts{}
	}
	var f facts
	body := parts.flags + parts.body
	if re, err := syntax.Parse(body, syntax.Perl); err == nil {
		f = treeFacts(re, full, full)
	}
	for _, l := range parts.lookarounds {
		atStart := l.leading && (full || parts.anchored)
		switch l.kind {
		case "?=":
			if re, err := syntax.Parse(parts.flags+l.text, syntax.Perl); err == nil {
				f.and(treeFacts(re, atStart, false))
			}
		case "?!":
			if atStart {
				f.and(refuseFacts(parts.flags, l.text, true))
			}
		}
	}
	return f
}

// rejectFacts is for a pattern that must not match.
func rejectFacts(pattern string, full bool) facts {
	if full {
		return facts{}
	}
	return refuseFacts("", pattern, false)
}

func (f *facts) and(g facts) {
	f.min = max(f.min, g.min)
	if g.max > 0 && (f.max == 0 || g.max < f.max) {
		f.max = g.max
	}
	if g.closed {
		if f.closed {
			// Both hold: what is outside of g is forbidden as well.
			f.forbidden = append(f.forbidden, negate(g.only))
		} else {
			f.closed, f.only = true, g.only
		}
	}
	f.counts = append(f.counts, g.counts...)
	f.forbidden = append(f.forbidden, g.forbidden...)
	f.notFirst = append(f.notFirst, g.notFirst...)
	f.notLast = append(f.notLast, g.notLast...)
	f.repeats = append(f.repeats, g.repeats...)
}

func negate(ranges []charRange) []charRange {
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b charRange) int { return int(a[0] - b[0]) })
	var out []charRange
	next := rune(0)
	for _, c := range ranges {
		if c[0] > next {
			out = append(out, charRange{next, c[0] - 1})
		}
		next = max(next, c[1]+1)
	}
	if next <= unicode.MaxRune {
		out = append(out, charRange{next, unicode.MaxRune})
	}
	return out
}

// lookaroundParts is a pattern with the look-around at its top taken off.
type lookaroundParts struct {
	flags       string // leading (?i) or the like
	body        string // the pattern without look-around
	anchored    bool   // body begins with ^ or \A
	lookarounds []lookaround
}

type lookaround struct {
	kind    string // ?= ?! ?<= ?<!
	text    string
	leading bool // nothing but an anchor and other look-around before it
}

// splitLookaround takes the look-around groups off the top of a pattern. It
// gives up, with false, on alternatives at the top, on quantified
// look-around and on flags that change midway.
func splitLookaround(pattern string) (lookaroundParts, bool) {
	var p lookaroundParts
	if m := leadingFlags.FindString(pattern); m != "" {
		if strings.ContainsAny(m, "mx") {
			return p, false // ^ and $ or blanks mean something else
		}
		p.flags, pattern = m, pattern[len(m):]
	}
	if midwayFlags.MatchString(pattern) {
		return p, false
	}
	var body strings.Builder
	leading := true
	for i := 0; i < len(pattern); {
		n := itemLength(pattern[i:])
		item := pattern[i : i+n]
		i += n
		if item == "|" {
			return p, false
		}
		kind := ""
		for _, k := range []string{"?=", "?!", "?<=", "?<!"} {
			if strings.HasPrefix(item, "("+k) && strings.HasSuffix(item, ")") {
				kind = k
			}
		}
		if kind == "" {
			anchor := item == "^" || item == `\A`
			p.anchored = p.anchored || anchor && leading
			leading = leading && anchor
			body.WriteString(item)
			continue
		}
		if i < len(pattern) && strings.IndexByte("*+?{", pattern[i]) >= 0 {
			return p, false
		}
		p.lookarounds = append(p.lookarounds, lookaround{kind, item[1+len(kind) : len(item)-1], leading})
	}
	p.body = body.String()
	return p, true
}

var (
	leadingFlags = regexp.MustCompile(`^\(\?[a-zA-Z]+\)`)
	midwayFlags  = regexp.MustCompile(`\(\?[a-zA-Z]*-?[a-zA-Z]+[):]`)
)

// itemLength returns the octets of the first item of a pattern: a group, a
// class, an escape or a character.
func itemLength(s string) int {
	switch s[0] {
	case '\\':
		return min(2, len(s))
	case '[':
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\':
				i++
			case s[i] == '[' && i+1 < len(s) && s[i+1] == ':':
				if end := strings.Index(s[i:], ":]"); end > 0 {
					i += end + 1
				}
			case s[i] == ']' && i > 1 && s[1:i] != "^":
				return i + 1
			}
		}
		return len(s)
	case '(':
		for i := 1; i < len(s); {
			if s[i] == ')' {
				return i + 1
			}
			i += itemLength(s[i:])
		}
		return len(s)
	}
	return 1
}

// treeFacts reads what follows from a match of re somewhere in the password:
// from its beginning if atStart, to its end if atEnd, besides the anchors
// that re has itself.
func treeFacts(re *syntax.Regexp, atStart, atEnd bool) facts {
	subs := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		subs = re.Sub
	}
	for len(subs) > 0 && subs[0].Op == syntax.OpBeginText {
		atStart, subs = true, subs[1:]
	}
	for len(subs) > 0 && subs[len(subs)-1].Op == syntax.OpEndText {
		atEnd, subs = true, subs[:len(subs)-1]
	}
	var f facts
	var items []charCount
	longest := 0 // -1 for no bound
	for _, sub := range subs {
		shortest, most := lengths(sub)
		f.min += shortest
		if most < 0 || longest < 0 {
			longest = -1
		} else {
			longest += most
		}
		f.only = append(f.only, alphabetOf(sub)...)
		items = append(items, itemsOf(sub)...)
	}
	if f.closed = atStart && atEnd; f.closed {
		f.max = max(longest, 0)
	}
	for i, c := range items {
		if slices.ContainsFunc(items[:i], func(d charCount) bool { return slices.Equal(c.class, d.class) }) {
			continue
		}
		// Items that are part of this class add to it.
		n := 0
		for _, d := range items {
			if within(d.class, c.class) {
				n += d.min
			}
		}
		f.counts = append(f.counts, charCount{c.class, n})
	}
	return f
}

// within reports whether class a is part of class b.
func within(a, b []charRange) bool {
	for _, c := range a {
		if !slices.ContainsFunc(b, func(d charRange) bool { return d[0] <= c[0] && c[1] <= d[1] }) {
			return false
		}
	}
	return true
}

// maxFactLength caps what repeat counts can add up to.
const maxFactLength = 1 << 16

// lengths returns the fewest and the most characters that re matches; -1 for
// no upper bound.
func lengths(re *syntax.Regexp) (shortest, longest int) {
	times := func(least, most int) (int, int) {
		lo, hi := lengths(re.Sub[0])
		lo = min(lo*least, maxFactLength)
		switch {
		case hi == 0 || most == 0:
			return lo, 0
		case hi < 0 || most < 0 || hi*most > maxFactLength:
			return lo, -1
		}
		return lo, hi * most
	}
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune), len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, 1
	case syntax.OpCapture:
		return lengths(re.Sub[0])
	case syntax.OpStar:
		return times(0, -1)
	case syntax.OpPlus:
		return times(1, -1)
	case syntax.OpQuest:
		return times(0, 1)
	case syntax.OpRepeat:
		return times(re.Min, re.Max)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			lo, hi := lengths(sub)
			shortest = min(shortest+lo, maxFactLength)
			if hi < 0 || longest < 0 {
				longest = -1
			} else {
				longest += hi
			}
		}
		return shortest, longest
	case syntax.OpAlternate:
		for i, sub := range re.Sub {
			lo, hi := lengths(sub)
			if i == 0 {
				shortest, longest = lo, hi
				continue
			}
			shortest = min(shortest, lo)
			if hi < 0 || longest < 0 {
				longest = -1
			} else {
				longest = max(longest, hi)
			}
		}
		return shortest, longest
	}
	return 0, 0 // assertions and the empty match
}

// alphabetOf returns the characters that a match of re may be made of.
func alphabetOf(re *syntax.Regexp) []charRange {
	if class := classOf(re); class != nil {
		return class
	}
	var out []charRange
	if re.Op == syntax.OpLiteral {
		for _, r := range re.Rune {
			out = append(out, literal(r, re.Flags)...)
		}
	}
	for _, sub := range re.Sub {
		out = append(out, alphabetOf(sub)...)
	}
	return out
}

// itemsOf returns characters that every match of re has, each at a place of
// its own.
func itemsOf(re *syntax.Regexp) []charCount {
	times := func(n int) []charCount {
		items := itemsOf(re.Sub[0])
		for i := range items {
			items[i].min = min(items[i].min*n, maxFactLength)
		}
		return items
	}
	switch re.Op {
	case syntax.OpCharClass:
		return []charCount{{classOf(re), 1}}
	case syntax.OpLiteral:
		var out []charCount
		for _, r := range re.Rune {
			out = append(out, charCount{literal(r, re.Flags), 1})
		}
		return out
	case syntax.OpCapture, syntax.OpPlus:
		return itemsOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return times(re.Min)
		}
	case syntax.OpConcat:
		var out []charCount
		for _, sub := range re.Sub {
			out = append(out, itemsOf(sub)...)
		}
		return out
	}
	return nil
}

// classOf returns the characters of an expression that matches exactly one;
// nil if it is none.
func classOf(re *syntax.Regexp) []charRange {
	switch re.Op {
	case syntax.OpCharClass:
		out := []charRange{}
		for i := 0; i < len(re.Rune); i += 2 {
			out = append(out, charRange{re.Rune[i], re.Rune[i+1]})
		}
		return out
	case syntax.OpAnyChar:
		return []charRange{{0, unicode.MaxRune}}
	case syntax.OpAnyCharNotNL:
		return []charRange{{0, '\n' - 1}, {'\n' + 1, unicode.MaxRune}}
	case syntax.OpLiteral:
		if len(re.Rune) == 1 {
			return literal(re.Rune[0], re.Flags)
		}
	case syntax.OpCapture:
		return classOf(re.Sub[0])
	}
	return nil
}

func literal(r rune, flags syntax.Flags) []charRange {
	out := []charRange{{r, r}}
	if flags&syntax.FoldCase != 0 {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			out = append(out, charRange{f, f})
		}
	}
	return out
}

// repeated recognizes patterns that find a character standing n times in a
// row.
var repeated = regexp.MustCompile(`^(?:\.\*\??)?\(\.\)(\\1|\\1\\1|\\1\\1\\1|\\1\+|\\1\{([0-9]{1,4})(?:,[0-9]*)?\})(?:\.\*)?$`)

// refuseFacts is for a pattern that must not be found: from the beginning of
// the password if atStart, anywhere otherwise.
func refuseFacts(flags, pattern string, atStart bool) facts {
	anywhere := strings.HasPrefix(pattern, ".*")
	if m := repeated.FindStringSubmatch(pattern); m != nil && flags == "" && (!atStart || anywhere) {
		n := strings.Count(m[1], `\1`)
		if m[2] != "" {
			n, _ = strconv.Atoi(m[2])
		}
		if n < 1 {
			return facts{} // matches any character
		}
		return facts{repeats: []int{n}}
	}
	re, err := syntax.Parse(flags+pattern, syntax.Perl)
	if err != nil {
		return facts{}
	}
	return refuseTree(re, atStart)
}

// refuseTree reads from one alternative, or from each, which characters
// cannot be there.
func refuseTree(re *syntax.Regexp, atStart bool) facts {
	var f facts
	if re.Op == syntax.OpCapture {
		return refuseTree(re.Sub[0], atStart)
	}
	if re.Op == syntax.OpAlternate {
		for _, sub := range re.Sub {
			f.and(refuseTree(sub, atStart))
		}
		return f
	}
	subs := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		subs = re.Sub
	}
	atEnd := false
	for len(subs) > 0 && subs[0].Op == syntax.OpBeginText {
		atStart, subs = true, subs[1:]
	}
	for len(subs) > 0 && isDotStar(subs[0]) {
		atStart, subs = false, subs[1:]
	}
	for len(subs) > 0 && subs[len(subs)-1].Op == syntax.OpEndText {
		atEnd, subs = true, subs[:len(subs)-1]
	}
	for len(subs) > 0 && isDotStar(subs[len(subs)-1]) {
		atEnd, subs = false, subs[:len(subs)-1]
	}
	if len(subs) != 1 {
		return f
	}
	one := subs[0]
	if one.Op == syntax.OpPlus && !(atStart && atEnd) {
		one = one.Sub[0]
	}
	class := classOf(one)
	switch {
	case class == nil || atStart && atEnd:
	case atStart:
		f.notFirst = [][]charRange{class}
	case atEnd:
		f.notLast = [][]charRange{class}
	default:
		f.forbidden = [][]charRange{class}
	}
	return f
}

func isDotStar(re *syntax.Regexp) bool {
	return re.Op == syntax.OpStar && (re.Sub[0].Op == syntax.OpAnyChar || re.Sub[0].Op == syntax.OpAnyCharNotNL)
}
