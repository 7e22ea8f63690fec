package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

func (p *program) policyExplain(ctx context.Context, o *policyOptions) error {
	back, eff, err := p.effective(ctx, o)
	if err != nil {
		return err
	}
	defer back.close()
	x := eff.Explain(back.policies.Dialect())
	if !o.json {
		bold, off := p.colour(p.stdout, bold)
		printExplanation(p.stdout, x, func(s string) string { return bold + s + off })
		return nil
	}
	text, err := restbridge.EncodeExplanation(x)
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(text)
	return err
}

// printExplanation prints x for people. heading makes a line stand out.
func printExplanation(w io.Writer, x *policy.Explanation, heading func(string) string) {
	if x.Target != "" {
		missing := ""
		if !*x.TargetExists {
			missing = " (does not exist)"
		}
		fmt.Fprintf(w, "entry:   %s%s\n", x.Target, missing)
	}
	fmt.Fprintf(w, "policy:  %s\n", policyName(x.PolicyDN))
	fmt.Fprintf(w, "dialect: %s\n", x.Dialect)

	fmt.Fprintf(w, "\n%s\n", heading("How it was found:"))
	for i, s := range x.Resolution {
		fmt.Fprintf(w, "%3d. %s\n", i+1, s.Text)
		if from := sourceText(policy.ExplainedSource{DN: s.DN, Attribute: s.Attribute, Value: s.Value}); from != "" {
			indent(w, "     ", from)
		}
	}
	fmt.Fprintf(w, "\n%s\n", heading("What it demands:"))
	if len(x.Rules) == 0 {
		fmt.Fprintln(w, "  Nothing.")
	}
	for _, r := range x.Rules {
		fmt.Fprintf(w, "  %s\n", r.Requirement)
		if from := sourceText(r.Source); from != "" {
			indent(w, "     ", from)
		}
	}
	printState(w, x, heading)
	fmt.Fprintf(w, "\n%s\n", heading("How passwords are made:"))
	if g := x.Generator; g != nil {
		fmt.Fprintf(w, "  %s\n", generatorText(g))
		if g.Note != "" {
			fmt.Fprintf(w, "  %s\n", g.Note)
		}
		if g.DN != "" {
			fmt.Fprintf(w, "     %s\n", g.DN)
		}
	}
	switch {
	case x.Reason == "":
	case x.Satisfiable:
		fmt.Fprintf(w, "  Nothing can be suggested: %s.\n", x.Reason)
	default:
		fmt.Fprintf(w, "  It cannot be satisfied: %s.\n", x.Reason)
		for _, s := range x.Conflict {
			indent(w, "     ", sourceText(s))
		}
	}
}

// printState prints what a policy says besides its rules.
func printState(w io.Writer, x *policy.Explanation, heading func(string) string) {
	var lines []string
	if x.MustChange {
		lines = append(lines, "A password set by an administrator has to be changed at the next bind.")
	}
	if x.RequireCurrent {
		lines = append(lines, "The current password has to be given to change it.")
	}
	if x.MaxAgeSeconds > 0 {
		lines = append(lines, "A password expires after "+age(x.MaxAgeSeconds)+".")
	}
	if x.History > 0 {
		lines = append(lines, fmt.Sprintf("The last %d passwords, the current one included, are refused.", x.History))
	}
	if len(lines) > 0 {
		fmt.Fprintf(w, "\n%s\n  %s\n", heading("What else it says:"), strings.Join(lines, "\n  "))
	}
}

// age is a time in days where it is a number of those.
func age(seconds int64) string {
	const day = 24 * 60 * 60
	switch {
	case seconds == day:
		return "1 day"
	case seconds%day == 0:
		return fmt.Sprintf("%d days", seconds/day)
	}
	return (time.Duration(seconds) * time.Second).String()
}

func generatorText(g *policy.ExplainedGenerator) string {
	kind := map[string]string{
		"random":     "Random characters, uniformly from all that fit",
		"template":   "Random characters, by the format of the directory's generator",
		"passphrase": "Random words",
	}[g.Kind]
	if kind == "" {
		kind = "By the directory's generator"
	}
	length := ""
	switch {
	case g.MaxLength == 0:
	case g.MinLength == g.MaxLength:
		length = fmt.Sprintf(": %d characters", g.MinLength)
	default:
		length = fmt.Sprintf(": %d to %d characters", g.MinLength, g.MaxLength)
	}
	return fmt.Sprintf("%s%s, %.2f bits of entropy (%s).", kind, length, g.EntropyBits, g.Entropy)
}

// sourceText is "attribute: value (dn)", with the name below a value of
// several lines.
func sourceText(s policy.ExplainedSource) string {
	text := s.Attribute
	if s.Value != "" {
		text = strings.TrimPrefix(text+": ", ": ") + strings.TrimRight(s.Value, "\n")
	}
	switch {
	case text == "" || s.DN == "":
		return text + s.DN
	case strings.Contains(text, "\n"):
		return text + "\n(" + s.DN + ")"
	}
	return text + " (" + s.DN + ")"
}
