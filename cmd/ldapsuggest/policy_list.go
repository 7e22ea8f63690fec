package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

func (p *program) policyList(ctx context.Context, o *policyOptions) error {
	_, back, err := p.openPolicies(ctx, o)
	if err != nil {
		return err
	}
	defer back.close()
	names, err := back.policies.List(ctx)
	if err != nil {
		return p.failure(err, o, restbridge.EncodeError)
	}
	list := make([]extop.ListedPolicy, len(names))
	var unread error
	for i, name := range names {
		if list[i], err = extop.ExplainPolicy(ctx, back.policies, name); err != nil {
			return p.failure(err, o, restbridge.EncodeError)
		}
		if list[i].Err != nil {
			unread = errUnreadable
		}
	}
	if o.json {
		text, err := restbridge.EncodePolicies(list)
		if err != nil {
			return err
		}
		p.stdout.Write(text)
		return unread
	}
	if err := printPolicies(p.stdout, list); err != nil {
		return err
	}
	return unread
}

// printPolicies prints a line for each policy.
func printPolicies(w io.Writer, list []extop.ListedPolicy) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "POLICY\tSATISFIABLE\tBITS\tWHAT CLASHES")
	for _, l := range list {
		satisfiable, bits, remark := "?", "-", ""
		if x := l.Explanation; x != nil {
			satisfiable, bits, remark = "yes", bitsOf(x.Generator), clash(x)
			if !x.Satisfiable {
				satisfiable = "no"
			}
		} else {
			remark = fmt.Sprintf("%s (%d): %s", l.Err.Code, int(l.Err.Code), l.Err.Text)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", l.DN, satisfiable, bits, strings.Join(strings.Fields(remark), " "))
	}
	return t.Flush()
}

// bitsOf is the entropy of a password, with a sign before what is but a bound.
func bitsOf(g *policy.ExplainedGenerator) string {
	if g == nil {
		return "-"
	}
	sign := map[policy.EntropyKind]string{policy.EntropyUpperBound: "<=", policy.EntropyLowerBound: ">="}[g.Entropy]
	return fmt.Sprintf("%s%.2f", sign, g.EntropyBits)
}

// clash names the demands that exclude each other, or tells why nothing can
// be suggested.
func clash(x *policy.Explanation) string {
	if x.PolicyDN == "" && len(x.Resolution) > 0 {
		return "ignored: " + x.Resolution[len(x.Resolution)-1].Text
	}
	if len(x.Conflict) == 0 {
		return x.Reason
	}
	var demands []string
	for _, s := range x.Conflict {
		if s.DN == x.PolicyDN {
			s.DN = "" // which the line begins with
		}
		demands = append(demands, sourceText(s))
	}
	return strings.Join(demands, "; ")
}
