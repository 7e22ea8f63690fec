package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

const (
	// pickFrom is how many passwords there are to pick from.
	pickFrom = 5

	// demandsShown bounds the lines that tell what a policy demands.
	demandsShown = 6

	// maxExplanation bounds what the REST door may answer.
	maxExplanation = 1 << 20
)

// An aboutPolicy is what a server tells about a policy. What it does not tell
// is empty.
type aboutPolicy struct {
	demands []string // in words, by Get Password Quality Requirements

	// By the REST door, where one is named.
	explained *policy.Explanation
	problem   string // why it has not explained
}

// canPick reports whether there is a terminal to pick on: one that types and
// one that shows.
func (p *program) canPick() bool { return isTerminalFile(p.stdin) && p.screen() != nil }

// screen is the terminal that shows what is not for standard output.
func (p *program) screen() *os.File {
	for _, w := range []io.Writer{p.stderr, p.stdout} {
		if isTerminalFile(w) {
			return w.(*os.File)
		}
	}
	return nil
}

func isTerminalFile(v any) bool {
	f, ok := v.(*os.File)
	return ok && isTerminal(f)
}

// aboutPolicy asks a server, on the connection of the caller, what it tells
// about the policy that a request selects. The response of the operation has
// its DN alone.
func (o *suggestOptions) aboutPolicy(ctx context.Context, conn *directory.UserConn, tlsConfig *tls.Config, password []byte) *aboutPolicy {
	var told aboutPolicy
	q := extop.PasswordQualityRequest{Use: extop.AddWithDefaultPolicy}
	switch {
	case o.target != "":
		q.Use, q.DN = extop.AdministrativeResetFor, o.target
	case o.policy != "":
		q.Use, q.DN = extop.AddWithPolicy, o.policy
	}
	if value, err := conn.Extended(ctx, extop.PasswordQualityRequestOID, q.Encode()); err == nil {
		if quality, err := extop.DecodePasswordQualityResult(value); err == nil {
			for _, r := range quality.Requirements {
				told.demands = append(told.demands, r.Description)
			}
		}
	}
	if o.rest != "" {
		var err error
		if told.explained, err = o.explanation(ctx, tlsConfig, password); err != nil {
			told.problem = err.Error()
		}
	}
	return &told
}

// explanation asks the REST door for the effective policy.
func (o *suggestOptions) explanation(ctx context.Context, tlsConfig *tls.Config, password []byte) (*policy.Explanation, error) {
	u, err := url.Parse(o.rest)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("--rest: an address such as https://ldap.example.com:8443 is expected")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopbackHost(u.Hostname())) {
		return nil, errors.New("--rest: it must begin with https://, unless the server is on this machine")
	}
	u = u.JoinPath("directory/v1/effectivePolicy")
	query := make(url.Values)
	switch {
	case o.target != "":
		query.Set("targetEntryDN", o.target)
	case o.policy != "":
		query.Set("passwordPolicyDN", o.policy)
	}
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(o.dn, string(password))
	client := &http.Client{
		Transport: &http.Transport{TLSClientConfig: tlsConfig, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		// Where a redirection leads was not chosen by the user.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("--rest: %w", errors.Unwrap(err)) // without the URL, which is known
	}
	defer res.Body.Close()
	var answer struct {
		policy.Explanation
		Message string `json:"diagnosticMessage"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, maxExplanation)).Decode(&answer)
	switch {
	case res.StatusCode != http.StatusOK && err == nil && answer.Message != "":
		return nil, fmt.Errorf("--rest: %s: %s", res.Status, answer.Message)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("--rest: %s", res.Status)
	case err != nil:
		return nil, errors.New("--rest: the answer is not what ldapsuggest answers")
	}
	return &answer.Explanation, nil
}

// lines are what is shown above the passwords.
func (told *aboutPolicy) lines(o *suggestOptions, policyDN string) []string {
	lines := []string{"policy:   " + policyName(policyDN), "why:      " + told.why(o)}
	switch x := told.explained; {
	case x != nil && x.Generator != nil:
		lines = append(lines, fmt.Sprintf("entropy:  %.2f bits each (%s)", x.Generator.EntropyBits, x.Generator.Entropy))
	case told.problem != "":
		lines = append(lines, "entropy:  not known; "+told.problem)
	default:
		lines = append(lines, "entropy:  not told over LDAP; --rest URL has the server's REST door tell it")
	}
	head := "demands:  "
	for i, d := range told.demands {
		if i == demandsShown-1 && len(told.demands) > demandsShown {
			lines = append(lines, fmt.Sprintf("%sand %d more", head, len(told.demands)-i))
			break
		}
		lines = append(lines, head+d)
		head = strings.Repeat(" ", len(head))
	}
	return lines
}

// why tells in one line why the policy is in force: by the step that decided,
// if the server tells it.
func (told *aboutPolicy) why(o *suggestOptions) string {
	if told.explained != nil {
		var decided *policy.ExplainedStep
		for i, s := range told.explained.Resolution {
			if s.Attribute != "" || decided == nil {
				decided = &told.explained.Resolution[i]
			}
		}
		if decided != nil {
			text := strings.TrimSuffix(decided.Text, ".")
			if decided.Attribute != "" {
				text += " (" + decided.Attribute + " of " + policyEntry(decided.DN) + ")"
			}
			return text
		}
	}
	switch {
	case o.target != "":
		return "in force for " + o.target
	case o.policy != "":
		return "asked for by --policy"
	}
	return "the server's default"
}

// policyEntry is the name of an entry; the root DSE has none.
func policyEntry(dn string) string {
	if dn == "" {
		return "the root DSE"
	}
	return dn
}

// pickPassword has the user pick one of the passwords.
func (p *program) pickPassword(ctx context.Context, res *extop.GeneratePasswordResult, told *aboutPolicy, o *suggestOptions) (int, error) {
	list := &picker{keys: p.stdin.(*os.File), screen: p.screen(), about: told.lines(o, res.PolicyDN)}
	list.bold, list.off = p.colour(list.screen, bold)
	list.dim, _ = p.colour(list.screen, dim)
	for _, pw := range res.Passwords {
		c := choice{text: pw.Password.Bytes()}
		if len(pw.Errors) > 0 {
			c.note = "would be refused: " + strings.Join(pw.Errors, "; ")
		}
		list.choices = append(list.choices, c)
	}
	if !p.smart() {
		return list.ask(ctx)
	}
	return list.pick(ctx)
}

// printPicked prints one password alone.
func (p *program) printPicked(res *extop.GeneratePasswordResult, at int) error {
	pw := res.Passwords[at]
	out := make([]byte, 0, len(pw.Password.Bytes())+1)
	out = append(append(out, pw.Password.Bytes()...), '\n')
	defer clear(out)
	if _, err := p.stdout.Write(out); err != nil {
		return err
	}
	if len(pw.Errors) > 0 {
		fmt.Fprintf(p.stderr, "ldapsuggest: it would be refused: %s\n", strings.Join(pw.Errors, "; "))
		return errRejected
	}
	return nil
}
