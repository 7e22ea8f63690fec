package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/testenv/load"
)

// A Suggester is a front end before a judge.
type Suggester struct {
	conn     *ldap.Conn
	frontEnd *load.FrontEnd
	program  string
}

// most is how many passwords a front end gives for one request here.
const most = 1000

// NewSuggester starts a front end before a judge, and asks as its helpdesk.
func NewSuggester(t testing.TB, program string, j *Judge) *Suggester {
	t.Helper()
	config := load.Config(t, j.URL, j.BindDN, j.BindPassword, j.CAFile) + fmt.Sprintf("generatePassword: {maxPasswords: %d}\n", most)
	s := &Suggester{program: program, frontEnd: load.Start(t, program, t.TempDir(), config)}
	var err error
	if s.conn, err = ldap.DialURL("ldaps://"+s.frontEnd.LDAPS, ldap.DialWithTLSConfig(s.frontEnd.TLS(t))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.conn.Close() })
	if err := s.conn.Bind(j.HelpdeskDN, j.HelpdeskPassword); err != nil {
		t.Fatal(err)
	}
	return s
}

// Suggest asks for n passwords for an entry.
func (s *Suggester) Suggest(dn string, n int) ([]string, error) {
	var all []string
	for len(all) < n {
		r := extop.GeneratePasswordRequest{Selection: extop.SelectTargetEntry, DN: dn, Count: min(n-len(all), most), Attempts: extop.DefaultValidationAttempts}
		value := ber.NewString(ber.ClassContext, ber.TypePrimitive, 1, string(r.Encode()), "requestValue")
		answer, err := s.conn.Extended(ldap.NewExtendedRequest(extop.GeneratePasswordRequestOID, value))
		if err != nil {
			return nil, err
		}
		if answer.Value == nil {
			return nil, errors.New("an answer without a value")
		}
		made, err := extop.DecodeGeneratePasswordResult(answer.Value.Data.Bytes())
		if err != nil {
			return nil, err
		}
		if len(made.Passwords) == 0 {
			return nil, errors.New("an answer without passwords")
		}
		for _, p := range made.Passwords {
			all = append(all, string(p.Password.Bytes()))
		}
	}
	return all, nil
}

// Entropy returns what "ldapsuggest policy explain" says of the passwords for
// an entry.
func (s *Suggester) Entropy(dn string) (Entropy, error) {
	out, err := exec.Command(s.program, "policy", "explain", "--config", s.frontEnd.ConfigFile, "--json", dn).Output()
	if err != nil {
		return Entropy{}, fmt.Errorf("policy explain: %w", err)
	}
	var x struct {
		Generator *struct {
			EntropyBits float64 `json:"entropyBits"`
			Entropy     string  `json:"entropy"`
		} `json:"generator"`
	}
	if err := json.Unmarshal(out, &x); err != nil {
		return Entropy{}, err
	}
	if x.Generator == nil {
		return Entropy{}, errors.New("policy explain names no generator")
	}
	bound, ok := map[string]Bound{"exact": Exactly, "lower bound": AtLeast, "upper bound": AtMost}[x.Generator.Entropy]
	if !ok {
		return Entropy{}, fmt.Errorf("policy explain knows the entropy as %q", x.Generator.Entropy)
	}
	return Entropy{x.Generator.EntropyBits, bound}, nil
}
