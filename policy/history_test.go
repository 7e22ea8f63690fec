package policy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// pin is a generator configuration under which passwords repeat.
func pin(length int) policy.Config {
	return policy.Config{Alphabet: generate.Digits, Length: length, MinEntropyBits: 1}
}

func digits(n int) rule.Length { return rule.Length{Min: n, Max: n} }

func pinPolicy(length, history int) *policy.Policy {
	return &policy.Policy{DN: "cn=pin", History: history, Demands: []policy.Demand{{Rule: digits(length)}}}
}

func numbers(width int, ns ...int) []string {
	out := make([]string, len(ns))
	for i, n := range ns {
		out[i] = fmt.Sprintf("%0*d", width, n)
	}
	return out
}

func TestSuggestNothingUsedBefore(t *testing.T) {
	nine := numbers(1, 0, 1, 2, 3, 5, 6, 7, 8, 9)
	for _, tc := range []struct {
		name    string
		history int
		subject rule.Subject
		want    string // characters that are suggested
		code    result.Code
	}{
		{"nothing known", 10, rule.Subject{}, "0123456789", 0},
		{"not looked back", 0, rule.Subject{Stored: rule.NewStoredPasswords(nine)}, "0123456789", 0},
		{"one is left", 10, rule.Subject{Stored: rule.NewStoredPasswords(nine)}, "4", 0},
		{"given and stored", 10, rule.Subject{Current: [][]byte{[]byte("4")}, Stored: rule.NewStoredPasswords(nine[1:])}, "0", 0},
		{"unknown schemes say nothing", 10, rule.Subject{Stored: rule.NewStoredPasswords(append([]string{"{SASL}x", "{SHA}!"}, nine...))}, "4", 0},
		{"none is left", 10, rule.Subject{Stored: rule.NewStoredPasswords(append(nine, "4"))}, "", result.UnwillingToPerform},
	} {
		for _, attempts := range []int{0, 1, 5} {
			t.Run(fmt.Sprintf("%s, %d attempts", tc.name, attempts), func(t *testing.T) {
				c := policy.Compile(pinPolicy(1, tc.history), pin(1))
				out, err := c.Suggest(t.Context(), tc.subject, policy.SuggestOptions{Count: 300, Attempts: attempts})
				if tc.code != 0 {
					if !result.Is(err, tc.code) || !strings.Contains(err.Error(), "used before") {
						t.Errorf("%v, want code %d", err, tc.code)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				seen := make(map[string]bool)
				for _, s := range out {
					if len(s.Errors) > 0 || s.Validated != (attempts > 0) {
						t.Errorf("%v, validated: %v", s.Errors, s.Validated)
					}
					seen[string(s.Password.Bytes())] = true
				}
				for _, d := range strings.Split("0123456789", "") {
					if seen[d] != strings.Contains(tc.want, d) {
						t.Errorf("%s suggested: %v", d, seen[d])
					}
				}
			})
		}
	}
}

// Where a collision does not happen in practice, nothing is compared: a
// comparison would fail here.
func TestLongPasswordsAreNotCompared(t *testing.T) {
	const slow = "{PBKDF2-SHA512}2000000$HoQa.Zh.tBP54xeBXYOj8w$9SqsfqIi2F.TGI.waTFBrUTZgT5Iwr1FRIYd2eHIJIVxUYj2A/Q.FrSKT/Uk5NI3WId2.MLEPsk5XeG9JIaVMw"
	s := rule.Subject{Stored: rule.NewStoredPasswords(strings.Split(strings.Repeat(slow+" ", 100), " ")[:100])}
	c := policy.Compile(pinPolicy(15, 100), pin(15)) // 49.8 bits
	if _, err := c.Suggest(t.Context(), s, policy.SuggestOptions{Count: 1000, Attempts: 1}); err != nil {
		t.Error(err)
	}
}

func TestComparisonsEnd(t *testing.T) {
	const slow = "{PBKDF2-SHA512}100000$HoQa.Zh.tBP54xeBXYOj8w$9SqsfqIi2F.TGI.waTFBrUTZgT5Iwr1FRIYd2eHIJIVxUYj2A/Q.FrSKT/Uk5NI3WId2.MLEPsk5XeG9JIaVMw"
	s := rule.Subject{Stored: rule.NewStoredPasswords(strings.Split(strings.Repeat(slow+" ", 100), " ")[:100])}
	c := policy.Compile(pinPolicy(4, 100), pin(4))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Suggest(ctx, s, policy.SuggestOptions{Count: 1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Suggest: %v", err)
	}
	if _, err := c.Used(ctx, []byte("1234"), s); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Used: %v", err)
	}
}

func TestOnlyTheNewestAreCompared(t *testing.T) {
	var all []string
	for i := range 150 {
		all = append(all, numbers(4, i)...)
	}
	s := rule.Subject{Stored: rule.NewStoredPasswords(all)}
	c := policy.Compile(pinPolicy(4, 1000), pin(4))
	for password, want := range map[string]bool{"0000": true, "0099": true, "0100": false, "9999": false} {
		if got, err := c.Used(t.Context(), []byte(password), s); got != want || err != nil {
			t.Errorf("%s: %v, %v", password, got, err)
		}
	}
}

// A historian is a dialect whose directory shows stored passwords.
type historian struct {
	policy *policy.Policy
	stored []string
	err    error
	reads  atomic.Int64
}

func (*historian) Name() string { return "historian" }

func (d *historian) Locate(_ context.Context, _ policy.Directory, sel policy.Selection) (policy.Located, error) {
	return policy.Located{Ref: "cn=pin", Subject: rule.Subject{DN: sel.Target}, Exists: strings.HasPrefix(sel.Target, "uid=")}, nil
}

func (d *historian) Load(context.Context, policy.Directory, string) (*policy.Policy, error) {
	return d.policy, nil
}

func (d *historian) History(_ context.Context, _ policy.Directory, loc policy.Located, p *policy.Policy) ([]string, error) {
	d.reads.Add(1)
	if loc.Subject.DN == "" || p != d.policy && p.DN != d.policy.DN {
		return nil, errors.New("asked about nobody")
	}
	return d.stored, d.err
}

func TestHistoryIsReadWhereItMatters(t *testing.T) {
	down := result.New(result.Unavailable, "down")
	for _, tc := range []struct {
		name              string
		target            string
		length, history   int
		err               error
		suggests, validat int64 // reads for each
	}{
		{"a PIN", "uid=jo", 4, 5, nil, 1, 1},
		{"a PIN without history", "uid=jo", 4, 0, nil, 0, 0},
		{"a PIN of somebody new", "ou=nobody", 4, 5, nil, 0, 0},
		{"a PIN of nobody", "", 4, 5, nil, 0, 0},
		{"a long password", "uid=jo", 20, 5, nil, 0, 1},
		{"a directory that is down", "uid=jo", 4, 5, down, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := &historian{policy: pinPolicy(tc.length, tc.history), stored: numbers(tc.length, 7), err: tc.err}
			svc := policy.NewService(d, &fakeDirectory{}, policy.ServiceConfig{Generator: pin(tc.length)})
			eff, err := svc.Resolve(t.Context(), policy.Selection{Target: tc.target})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 3, Attempts: 1}); !errors.Is(err, tc.err) {
				t.Errorf("Suggest: %v", err)
			}
			if n := d.reads.Swap(0); n != tc.suggests {
				t.Errorf("%d reads for suggestions, want %d", n, tc.suggests)
			}
			used := []byte(numbers(tc.length, 7)[0])
			reasons, err := eff.Validate(t.Context(), used)
			if n := d.reads.Load(); n != tc.validat || !errors.Is(err, tc.err) {
				t.Errorf("%d reads for a verdict, want %d: %v", n, tc.validat, err)
			}
			if refused := len(reasons) > 0; err == nil && refused != (tc.validat > 0) {
				t.Errorf("used before: %q", reasons)
			}
			if got := eff.Compiled.Validate(used, eff.Subject); len(got) > 0 {
				t.Errorf("the rules alone: %q", got)
			}
		})
	}
}

// A recipe changes how passwords are made, not what was used before.
func TestRecipeLooksBack(t *testing.T) {
	d := &historian{policy: &policy.Policy{DN: "cn=pin", History: 10}, stored: numbers(1, 0, 1, 2, 3, 4, 5, 6, 7, 8)}
	svc := policy.NewService(d, &fakeDirectory{}, policy.ServiceConfig{Generator: pin(1)})
	eff, err := svc.Resolve(t.Context(), policy.Selection{Target: "uid=jo"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := eff.With(policy.Recipe{Generator: oneDigit{}}).Suggest(t.Context(), policy.SuggestOptions{Count: 50})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range out {
		if string(s.Password.Bytes()) != "9" {
			t.Fatal("a password that was used before is suggested")
		}
	}
}

type oneDigit struct{}

func (oneDigit) Append(dst []byte, rnd *generate.Rand) []byte {
	return append(dst, '0'+byte(rnd.Uint64n(10)))
}
func (oneDigit) Bits() float64 { return 3.3 }
