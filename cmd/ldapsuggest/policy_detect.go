package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

// A detected is what policy detect prints.
type detected struct {
	Directory string        `json:"directory"`
	Dialect   string        `json:"dialect"`
	Chosen    string        `json:"chosenBy"` // "detection" or "configuration"
	Sign      *detectedSign `json:"sign,omitempty"`
	Vendor    string        `json:"vendorName,omitempty"`
	Version   string        `json:"vendorVersion,omitempty"`
	Account   string        `json:"serviceAccount,omitempty"`
	Probes    []probe       `json:"probes"`
}

type detectedSign struct {
	Attribute string `json:"attribute"`
	Value     string `json:"value"`
}

// A probe is one policy that was resolved, or could not be.
type probe struct {
	What       string `json:"what"`
	Target     string `json:"targetEntryDN,omitempty"`
	PolicyDN   string `json:"passwordPolicyDN"`
	ResultCode int    `json:"resultCode"`
	Result     string `json:"resultName"`
	Message    string `json:"diagnosticMessage,omitempty"`
}

// errUnreadable is a detection that found something that may not be read.
var errUnreadable = errors.New("not everything can be read")

func (p *program) policyDetect(ctx context.Context, o *policyOptions) error {
	c, back, err := p.openPolicies(ctx, o)
	if err != nil {
		return err
	}
	defer back.close()
	d := detected{Directory: "the embedded directory in " + c.Data, Dialect: back.policies.Dialect(), Chosen: "configuration", Account: c.Directory.BindDN}
	if len(c.Directory.URLs) > 0 {
		d.Directory = c.Directory.URLs[0]
	}
	found, err := back.client.Detection(ctx)
	if err != nil {
		return p.failure(err, o, restbridge.EncodeError)
	}
	d.observe(c, found)
	d.Probes = append(d.Probes, probeOf(ctx, back.policies, "default policy", ""))
	for _, name := range o.names {
		d.Probes = append(d.Probes, probeOf(ctx, back.policies, "policy of "+name, name))
	}
	// Some directories take other names than DNs in a bind.
	if _, err := dn.Parse(d.Account); err == nil && d.Account != "" && len(o.names) == 0 {
		d.Probes = append(d.Probes, probeOf(ctx, back.policies, "policy of "+d.Account, d.Account))
	}
	if o.json {
		text, err := json.Marshal(d)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "%s\n", text)
	} else {
		p.printDetected(&d)
	}
	for _, probe := range d.Probes {
		if probe.ResultCode != 0 {
			return &hinted{errUnreadable, "docs/dialects/" + d.Dialect + ".md lists the rights needed"}
		}
	}
	return nil
}

// observe notes what the directory tells of itself.
func (d *detected) observe(c *config, found directory.Detection) {
	d.Vendor, d.Version = found.Vendor, found.Version
	if found.Dialect != "" {
		d.Sign = &detectedSign{found.Sign.Attribute, found.Sign.Value}
	}
	if c.Directory.Dialect == "auto" {
		d.Dialect, d.Chosen = found.Dialect, "detection"
	}
}

// probeOf resolves the policy of an entry, the default one if it has no name.
func probeOf(ctx context.Context, policies *policy.Service, what, name string) probe {
	pr := probe{What: what, Target: name, Result: result.Success.String()}
	fail := func(err error) probe {
		e := result.From(err)
		pr.ResultCode, pr.Result, pr.Message = int(e.Code), e.Code.String(), e.Text
		return pr
	}
	var sel policy.Selection
	if name != "" {
		target, err := policies.ResolveName(ctx, name)
		if err != nil {
			return fail(err)
		}
		sel.Target = target
	}
	eff, err := policies.Resolve(ctx, sel)
	if err != nil {
		return fail(err)
	}
	pr.PolicyDN = eff.Policy.DN
	return pr
}

func (p *program) printDetected(d *detected) {
	w := p.stdout
	fmt.Fprintf(w, "directory: %s\n", d.Directory)
	if d.Vendor != "" {
		fmt.Fprintf(w, "vendor:    %s %s\n", d.Vendor, d.Version)
	}
	fmt.Fprintf(w, "dialect:   %s, by %s\n", d.Dialect, d.Chosen)
	if d.Sign != nil {
		fmt.Fprintf(w, "sign:      %s: %s\n", d.Sign.Attribute, d.Sign.Value)
	}
	if d.Account != "" {
		fmt.Fprintf(w, "read as:   %s\n", d.Account)
	}
	for _, probe := range d.Probes {
		if probe.ResultCode == 0 {
			fmt.Fprintf(w, "%s: %s\n", probe.What, policyName(probe.PolicyDN))
			continue
		}
		fmt.Fprintf(w, "%s: %s (%d)\n", probe.What, probe.Result, probe.ResultCode)
		indent(w, "  ", probe.Message)
	}
}
