package openldap

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// settings puts what differs from the defaults into words, in ppm's order.
func settings(p *ppm) []string {
	defaults := make(map[string]ppmParam)
	for _, c := range newPPM(p.level).params {
		c.line = ""
		defaults[c.name] = c
	}
	var out []string
	for _, c := range p.params {
		c.line = ""
		if c == defaults[c.name] {
			continue
		}
		value := c.value
		if p.numeric(c.name) {
			value = fmt.Sprint(c.number)
		}
		out = append(out, fmt.Sprintf("%s %q %d %d %d", c.name, value, c.min, c.minForPoint, c.max))
	}
	return out
}

func TestParsePPM(t *testing.T) {
	long := strings.Repeat("x", 127)
	for _, tc := range []struct {
		name     string
		argument string
		level    level
		want     []string
	}{
		{"nothing", "", level25, nil},
		{"nonsense", "what is this\nand this", level25, nil},
		{"simple", "minQuality 4\ncheckRDN 1\nforbiddenChars <>\nmaxConsecutivePerClass 3", level25,
			[]string{`minQuality "4" 0 0 0`, `checkRDN "1" 0 0 0`, `forbiddenChars "<>" 0 0 0`, `maxConsecutivePerClass "3" 0 0 0`}},
		{"class", "class-digit 0123456789 3 2", level25, []string{`class-digit "0123456789" 3 2 0`}},
		{"the maximum is of 2.6", "class-digit 0123456789 3 2 5", level25, []string{`class-digit "0123456789" 3 2 0`}},
		{"maximum", "class-digit 0123456789 3 2 5", level26, []string{`class-digit "0123456789" 3 2 5`}},
		{"free point", "class-free XYZ", level25, []string{`class-free "XYZ" 0 0 0`}},
		{"no value keeps the default", "forbiddenChars\nminQuality", level25, nil},
		{"blanks and tabs", " \t minQuality\t \t5  ", level25, []string{`minQuality "5" 0 0 0`}},
		{"comment", "# minQuality 5\n  #checkRDN 1", level25, nil},
		{"a line of other letters", "éminQuality 5", level25, nil},
		{"case", "MinQuality 5", level25, nil},
		{"prefix", "minQualityFoo 9", level25, []string{`minQualityFoo "9" 0 0 0`}},
		{"later lines win", "minQuality 4 \nclass-a ab 1 1\nminQuality 2\nclass-a cd", level25, []string{`minQuality "2" 0 0 0`, `class-a "cd" 0 0 0`}},
		{"one line", "minQuality 4 checkRDN 1", level25, []string{`minQuality "4" 0 1 0`}},
		{"carriage returns", "minQuality 4\r\nclass-a ab\r\nclass-b cd 1 1\r\n", level25,
			[]string{`minQuality "4" 0 0 0`, `class-a "ab\r" 0 0 0`, `class-b "cd" 1 1 0`}},
		{"numbers", "minQuality 2x\ncheckRDN -1\nuseCracklib +7\nmaxConsecutivePerClass 99999999999999999999", level25,
			[]string{`minQuality "2" 0 0 0`, `checkRDN "-1" 0 0 0`, `maxConsecutivePerClass "-1" 0 0 0`, `useCracklib "7" 0 0 0`}},
		{"NUL ends it", "minQuality 4\x00\ncheckRDN 1", level25, []string{`minQuality "4" 0 0 0`}},
		{"127 octets", "class-a " + long + "", level25, []string{`class-a "` + long + `" 0 0 0`}},
		{"128 octets and more", "class-a " + long + "yz", level25, []string{`class-a "` + long + `y" 0 0 0`}},
		{"128 octets and a minimum", "class-a " + long + "yz 65", level25, []string{`class-a "` + long + `yA" 65 0 0`}},
		{"512 octets from 2.6 on", "class-a " + strings.Repeat("x", 511) + "yz", level26, []string{`class-a "` + strings.Repeat("x", 511) + `y" 0 0 0`}},
		{"attributes", "checkAttributes mail,givenName", level26, []string{`checkAttributes "mail,givenName" 0 0 0`}},
		{"attributes are of 2.6", "checkAttributes mail,givenName", level25, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := parsePPM(tc.argument, tc.level)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, settings(p)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What overflows ppm's memory has no meaning: such a policy is refused.
func TestParsePPMRefuses(t *testing.T) {
	var many strings.Builder
	for i := range 41 {
		fmt.Fprintf(&many, "class-%d abc\n", i)
	}
	for _, tc := range []struct{ name, argument, want string }{
		{"too many settings", many.String(), "50 settings"},
		{"long name", "class-" + strings.Repeat("x", 26) + " abc", "31 octets"},
		{"long argument", strings.Repeat("#", 260*256), "66559 octets"},
		{"number and class", "minQualityclass- 4", "a number and a class"},
		{"long value and negative minimum", "class-a " + strings.Repeat("x", 128) + " -1", "longer than ppm has room for"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parsePPM(tc.argument, level25)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func FuzzParsePPM(f *testing.F) {
	f.Add("minQuality 3\nclass-digit 0123456789 0 1\n", false)
	f.Add("forbiddenChars <>\"\r\n\t# x\nclass-x é 1 2 3", true)
	f.Fuzz(func(t *testing.T, argument string, newer bool) {
		l := level25
		if newer {
			l = level26
		}
		p, err := parsePPM(argument, l)
		if err != nil {
			if p != nil {
				t.Error("a configuration beside an error")
			}
			return
		}
		if len(p.params) > ppmMaxParams {
			t.Errorf("%d settings", len(p.params))
		}
		for _, d := range p.demands("cn=x", nil) {
			if d.Source.Value == "" {
				t.Errorf("a demand without its line: %#v", d.Rule)
			}
			d.Rule.Check([]byte(argument), rule.Subject{DN: "uid=" + argument})
		}
		// Later lines win: the same once more, and a comment, change nothing.
		if strings.Contains(argument, "\x00") || len(argument) > ppmMaxText/3 {
			return
		}
		again, err := parsePPM(argument+"\n"+argument+"\n# comment", l)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(settings(p), settings(again)); diff != "" {
			t.Error(diff)
		}
	})
}
