package console

import (
	"strings"
	"testing"
	"time"
)

func TestDNText(t *testing.T) {
	const dn = `cn=<b onclick="x">&'</b>,dc=example,dc=com`
	want := "cn=&lt;b onclick=&#34;x&#34;&gt;&amp;&#39;&lt;/b&gt;,<wbr>dc=example,<wbr>dc=com"
	if got := string(dnText(dn)); got != want {
		t.Errorf("%s", got)
	}
}

func TestNameOf(t *testing.T) {
	for dn, want := range map[string]string{
		"uid=jo,ou=people,dc=example,dc=com": "jo",
		`cn=Doe\, Jo,dc=example,dc=com`:      "Doe, Jo",
		"cn=Jo+uid=7,dc=example":             "Jo",
		"":                                   "",
		"no DN":                              "no DN",
	} {
		if got := nameOf(dn); got != want {
			t.Errorf("%q: %q", dn, got)
		}
	}
}

func TestInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		10 * time.Minute: "10 minutes", time.Minute: "1 minute", 90 * time.Second: "90 seconds", 8 * time.Hour: "8 hours",
		90 * 24 * time.Hour: "90 days", 24 * time.Hour: "1 day", 36 * time.Hour: "36 hours",
	} {
		if got := inWords(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// Every character of ASCII can be read out, and no two in the same way.
func TestSpell(t *testing.T) {
	said := make(map[string]rune)
	for r := ' '; r < 0x7f; r++ {
		s := spell(r)
		if other, twice := said[s]; twice || len(s) < 2 {
			t.Errorf("%q is read out as %q, as is %q", r, s, other)
		}
		said[s] = r
	}
	p := showPassword([]byte("aB1 -é"))
	var kinds []string
	for _, c := range p.Chars {
		kinds = append(kinds, c.Kind)
	}
	if got := strings.Join(kinds, " "); got != "lower upper digit space symbol lower" || p.Text != "aB1 -é" || len(p.Spelled) != 6 {
		t.Errorf("%+v", p)
	}
	if p := showPassword([]byte("\xff")); !p.Binary || p.Text != "" {
		t.Errorf("%+v", p)
	}
}

func TestFindFilter(t *testing.T) {
	for text, want := range map[string]string{
		"jo":              "(cn=jo*)",
		"jo doe":          "(&(cn=jo*)(cn=doe*))",
		"*)(uid=*":        `(cn=\2a\29\28uid=\2a*)`,
		"a b c d e f g h": "(&(cn=a*)(cn=b*)(cn=c*)(cn=d*)(cn=e*)(cn=f g h*))",
	} {
		if got := findFilter("(cn={text}*)", text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
