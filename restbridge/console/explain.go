package console

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

func policyPath(entry string) string {
	if entry == "" {
		return "/console/policy"
	}
	return "/console/policy?dn=" + url.QueryEscape(entry)
}

// explained is a policy in words.
type explained struct {
	DN           string // empty if none is in force
	Name         string
	Dialect      string
	Steps        []policy.ExplainedStep
	Requirements []requirement
	More         []string // what else it says

	Satisfiable bool
	Reason      string
	Conflict    []policy.ExplainedSource

	Bits    string // entropy, such as "103.4 bits"
	Entropy string // what it means
	Made    string // how passwords are made
	Note    string
}

// A requirement is a demand in words.
type requirement struct {
	Text   string
	Source policy.ExplainedSource
	Check  string // for the browser: type and properties in JSON; empty if it cannot check it

	// After a check by the server.
	Judged  bool
	Reasons []string
}

func explain(x *policy.Explanation) explained {
	e := explained{
		DN: x.PolicyDN, Name: nameOf(x.PolicyDN), Dialect: x.Dialect, Steps: x.Resolution,
		Satisfiable: x.Satisfiable, Reason: sentence(x.Reason), Conflict: x.Conflict,
	}
	for _, r := range x.Rules {
		e.Requirements = append(e.Requirements, requirement{Text: r.Requirement, Source: r.Source, Check: checkOf(r.Type, r.Properties)})
	}
	if x.MustChange {
		e.More = append(e.More, "After a reset, the person has to choose a password of their own at the next sign-in.")
	}
	if x.MaxAgeSeconds > 0 {
		e.More = append(e.More, "A password expires after "+inWords(time.Duration(x.MaxAgeSeconds)*time.Second)+".")
	}
	switch {
	case x.History == 1:
		e.More = append(e.More, "The password that the person has now is refused.")
	case x.History > 1:
		e.More = append(e.More, fmt.Sprintf("The last %d passwords are refused.", x.History))
	}
	if g := x.Generator; g != nil {
		e.Bits, e.Entropy = entropyText(g)
		e.Made, e.Note = madeText(g), g.Note
	}
	return e
}

// checkOf writes a check for the browser, as [type, [[name, value], ...]].
func checkOf(kind string, properties []policy.ExplainedProperty) string {
	if kind == "" {
		return ""
	}
	pairs := make([][2]string, len(properties))
	for i, p := range properties {
		pairs[i] = [2]string{p.Name, p.Value}
	}
	b, err := json.Marshal([]any{kind, pairs})
	if err != nil {
		return ""
	}
	return string(b)
}

func entropyText(g *policy.ExplainedGenerator) (bits, meaning string) {
	bits = strconv.FormatFloat(math.Floor(g.EntropyBits*10)/10, 'f', 1, 64) + " bits"
	many := "one of about 10" + superscript(int(g.EntropyBits*math.Log10(2)))
	switch g.Entropy {
	case policy.EntropyUpperBound:
		return "At most " + bits, many + " passwords, some of which further checks turn down"
	case policy.EntropyLowerBound:
		return "At least " + bits, many + " passwords or more"
	}
	return bits, many + " passwords, all equally likely"
}

func superscript(n int) string {
	out := ""
	for _, d := range strconv.Itoa(n) {
		out += string([]rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[d-'0'])
	}
	return out
}

func madeText(g *policy.ExplainedGenerator) string {
	length := ""
	switch {
	case g.MinLength > 0 && g.MinLength == g.MaxLength:
		length = fmt.Sprintf(" of %d characters", g.MinLength)
	case g.MinLength > 0 && g.MaxLength > 0:
		length = fmt.Sprintf(" of %d to %d characters", g.MinLength, g.MaxLength)
	}
	switch g.Kind {
	case "random":
		return "Random passwords" + length
	case "template":
		return "By the directory's own template" + length
	case "passphrase":
		return "Passphrases" + length
	}
	return "By the directory's own generator"
}

// sentence makes a text of an error begin like one.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}
