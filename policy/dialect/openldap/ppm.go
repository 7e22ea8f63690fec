package openldap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// ppm is the configuration of the check module of that name, as it reads
// pwdCheckModuleArg itself (slapm-ppm(5), and where that is silent, the
// module).
type ppm struct {
	params []ppmParam
	level  level
}

// A ppmParam is one setting: a line of the argument, or a default.
type ppmParam struct {
	name        string
	value       string
	number      int // value of a setting that is a number
	min         int
	minForPoint int
	max         int
	line        string // for people
}

// isClass reports whether a setting is a class. ppm looks for the word
// anywhere in the name.
func (c ppmParam) isClass() bool { return strings.Contains(c.name, "class-") }

const (
	ppmMaxParams = 50
	ppmMaxName   = 32
	ppmMaxText   = 260 * 256
)

// ppmSpecial is the class-special of ppm where none is configured.
const ppmSpecial = "<>,?;.:/!§ù%*µ^¨$£²&é~\"#'{([-|è`_\\ç^à@)]°=}+"

// newPPM returns ppm's defaults. They stay in force unless a line redefines
// them, the four classes too.
func newPPM(l level) *ppm {
	p := &ppm{level: l, params: []ppmParam{
		{name: "minQuality", number: 3},
		{name: "checkRDN"},
		{name: "forbiddenChars"},
		{name: "maxConsecutivePerClass"},
		{name: "useCracklib"},
		{name: "cracklibDict", value: "/var/cache/cracklib/cracklib_dict"},
		{name: "class-upperCase", value: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", minForPoint: 1},
		{name: "class-lowerCase", value: "abcdefghijklmnopqrstuvwxyz", minForPoint: 1},
		{name: "class-digit", value: "0123456789", minForPoint: 1},
		{name: "class-special", value: ppmSpecial, minForPoint: 1},
	}}
	if l >= level26 {
		p.params = append(p.params, ppmParam{name: "checkAttributes"})
	}
	for i, c := range p.params {
		value := c.value
		if p.numeric(c.name) {
			value = strconv.Itoa(c.number)
		}
		p.params[i].line = c.name + " " + value + " (default)"
	}
	return p
}

// maxValue is the number of octets after which ppm cuts a value.
func (p *ppm) maxValue() int {
	if p.level >= level26 {
		return 512
	}
	return 128
}

// known reports whether ppm takes a setting of this name. It compares only
// the beginning: "minQualityOfAll" is taken, and has no effect.
func (p *ppm) known(name string) bool {
	prefixes := []string{"minQuality", "checkRDN", "forbiddenChars", "maxConsecutivePerClass", "useCracklib", "cracklibDict", "class-"}
	if p.level >= level26 {
		prefixes = append(prefixes, "checkAttributes")
	}
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// numeric reports whether the value of a known setting is a number.
func (p *ppm) numeric(name string) bool {
	for _, prefix := range []string{"minQuality", "checkRDN", "maxConsecutivePerClass", "useCracklib"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// parsePPM reads an argument. It fails only where ppm writes beyond its own
// memory: what happens then nobody can tell.
func parsePPM(argument string, l level) (*ppm, error) {
	p := newPPM(l)
	argument, _, _ = strings.Cut(argument, "\x00")
	if len(argument) >= ppmMaxText {
		return nil, fmt.Errorf("longer than the %d octets that ppm has room for", ppmMaxText-1)
	}
	for line := range strings.SplitSeq(argument, "\n") {
		if err := p.parseLine(line); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *ppm) parseLine(line string) error {
	text := strings.TrimLeft(line, " \t\v\f\r")
	if text == "" || text[0] == '#' || text[0] >= 0x80 {
		return nil
	}
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(fields) < 2 || !p.known(fields[0]) {
		return nil
	}
	for len(fields) < 5 {
		fields = append(fields, "")
	}
	c := ppmParam{
		name:        fields[0],
		value:       fields[1],
		min:         atoi(fields[2]),
		minForPoint: atoi(fields[3]),
		line:        strings.TrimRight(text, " \t\r"),
	}
	if p.level >= level26 {
		c.max = atoi(fields[4])
	}
	switch {
	case len(c.name) >= ppmMaxName:
		return fmt.Errorf("the name %q is longer than the %d octets that ppm has room for", c.name, ppmMaxName-1)
	case p.numeric(c.name) && c.isClass():
		return fmt.Errorf("ppm takes %q for a number and a class", c.name)
	case p.numeric(c.name):
		c.number = atoi(c.value)
	default:
		if err := p.cut(&c); err != nil {
			return err
		}
	}
	for i := range p.params {
		if p.params[i].name == c.name {
			p.params[i] = c
			return nil
		}
	}
	if len(p.params) == ppmMaxParams {
		return fmt.Errorf("more than the %d settings that ppm has room for", ppmMaxParams)
	}
	p.params = append(p.params, c)
	return nil
}

// cut shortens a value as ppm does. A value that fills its place has no end:
// it runs on into the number behind it, min.
func (p *ppm) cut(c *ppmParam) error {
	if len(c.value) < p.maxValue() {
		return nil
	}
	c.value = c.value[:p.maxValue()]
	if c.min == 0 || !c.isClass() {
		return nil
	}
	if c.min < 0 || c.min > 0xFFFFFF {
		return errors.New("a value is longer than ppm has room for")
	}
	var number [4]byte
	binary.LittleEndian.PutUint32(number[:], uint32(c.min))
	tail, _, _ := strings.Cut(string(number[:]), "\x00")
	c.value += tail
	return nil
}

// atoi reads a number as C's atoi does with a 64-bit long: blanks, a sign,
// digits up to anything else, saturated and then cut to an int.
func atoi(s string) int {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	if end < len(s) && (s[end] == '+' || s[end] == '-') {
		end++
	}
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return int(int32(n))
}

func (p *ppm) get(name string) ppmParam {
	for _, c := range p.params {
		if c.name == name {
			return c
		}
	}
	return ppmParam{}
}

// classes returns the classes. None is empty: a line without a value is no
// setting.
func (p *ppm) classes() []ppmParam {
	var out []ppmParam
	for _, c := range p.params {
		if c.isClass() {
			out = append(out, c)
		}
	}
	return out
}

// attributes returns the attribute types of checkAttributes.
func (p *ppm) attributes() []string {
	var out []string
	for name := range strings.SplitSeq(p.get("checkAttributes").value, ",") {
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

// demands returns what ppm checks, in its order.
func (p *ppm) demands(policyDN string, words *rule.Words) []policy.Demand {
	var out []policy.Demand
	add := func(c ppmParam, r rule.Rule) {
		out = append(out, policy.Demand{
			Rule:   cString{r},
			Source: policy.Source{DN: policyDN, Attribute: "pwdCheckModuleArg", Value: c.line},
		})
	}
	classes := p.classes()
	if c := p.get("minQuality"); c.number > 0 {
		points := rule.ClassPoints{Min: c.number}
		for _, class := range classes {
			points.Classes = append(points.Classes, rule.PointClass{
				Name:        strings.TrimPrefix(class.name, "class-"),
				Set:         rule.NewByteSet(class.value),
				MinForPoint: class.minForPoint,
			})
		}
		add(c, points)
	}
	for _, class := range classes {
		if class.min > 0 || class.max > 0 {
			add(class, rule.ByteClass{
				Name: strings.TrimPrefix(class.name, "class-"),
				Set:  rule.NewByteSet(class.value),
				Min:  class.min,
				Max:  class.max,
			})
		}
	}
	if c := p.get("forbiddenChars"); c.value != "" {
		add(c, rule.ForbiddenBytes{Set: rule.NewByteSet(c.value)})
	}
	switch c := p.get("maxConsecutivePerClass"); {
	case c.number < 0:
		add(c, impossible{"no class may occur fewer than no times in a row, as its configuration demands"})
	case c.number > 0 && len(classes) > 0:
		run := rule.ClassRun{Max: c.number}
		for _, class := range classes {
			run.Classes = append(run.Classes, rule.NewByteSet(class.value))
		}
		add(c, run)
	}
	if c := p.get("useCracklib"); c.number > 0 {
		add(c, rule.Cracklib{Words: words})
	}
	if c := p.get("checkRDN"); c.number == 1 {
		add(c, rule.TokenPatterns{RDN: true})
	}
	if attrs := p.attributes(); len(attrs) > 0 {
		add(p.get("checkAttributes"), rule.TokenPatterns{Attributes: attrs})
	}
	return out
}
