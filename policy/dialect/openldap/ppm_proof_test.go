package openldap_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// ppmConnections is one: slapd 2.5.13 opens and closes the module for every
// check without a lock, and dies of a double free when several passwords are
// checked at once.
const ppmConnections = 1

// ppmServer starts a slapd with the check module ppm, testenv's policies for
// it and n random ones.
func ppmServer(t *testing.T, rnd *rand.Rand, n int) (*testenv.Slapd, []subject) {
	t.Helper()
	module, err := testenv.PPM(t.Context())
	if err != nil {
		t.Skipf("ppm: not run: %v", err)
	}
	ldif, users := randomPPMPolicies(rnd, n, module)
	s := testenv.StartSlapd(t, testenv.SlapdOptions{PPM: module, ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20, LDIF: ldif}}})
	for _, n := range []int{6, 7, 8, 9, 15, 16, 17} {
		users = append(users, subject{s.UserDN(n), s.UserPolicy(n)})
	}
	return s, users
}

// randomPPMPolicies returns n policies with the check module, and users, as
// LDIF.
func randomPPMPolicies(rnd *rand.Rand, n int, module string) (string, []subject) {
	var ldif strings.Builder
	var users []subject
	for i := range n {
		name := []string{"plain%03d", "j.doe%03d", "x*yz%03d", "ab-%03d_cde", "a%03dé"}[rnd.IntN(5)]
		argument := randomPPM(rnd)
		u := writePolicy(&ldif, fmt.Sprintf(name, i), testenv.BaseDN, []string{
			"pwdCheckQuality: " + []string{"1", "2", "3"}[rnd.IntN(3)],
			fmt.Sprintf("pwdMinLength: %d", rnd.IntN(20)),
			"pwdCheckModule: " + module,
			"pwdCheckModuleArg:: " + base64.StdEncoding.EncodeToString([]byte(argument)),
		}, "pwdPolicyChecker")
		u.policy = fmt.Sprintf("%q", argument)
		users = append(users, u)
	}
	return ldif.String(), users
}

// randomPPM returns a configuration of ppm: most lines are meant, some are
// what people get wrong.
func randomPPM(rnd *rand.Rand) string {
	pick := func(values ...string) string { return values[rnd.IntN(len(values))] }
	classes := []string{
		"class-upperCase ABCDEFGHIJKLMNOPQRSTUVWXYZ", "class-lowerCase abcdefghijklmnopqrstuvwxyz", "class-digit 0123456789",
		"class-special !%*()-_=+.,;", "class-hex 0123456789abcdef", "class-vowel aeiouAEIOU", "class-accent éè", "class-few XYZ",
		"class-odd " + strings.Repeat("13579", 26) + "Q", // longer than what ppm 2.5 keeps
	}
	var lines []string
	if rnd.IntN(4) > 0 {
		lines = append(lines, fmt.Sprintf("minQuality %d", rnd.IntN(6)))
	}
	for range rnd.IntN(5) {
		line := pick(classes...)
		switch rnd.IntN(4) {
		case 0:
		case 1:
			line += fmt.Sprintf(" %d", rnd.IntN(3))
		case 2:
			line += fmt.Sprintf(" %d\t%d", rnd.IntN(4), rnd.IntN(4))
		case 3:
			line += fmt.Sprintf(" %d %d %d", rnd.IntN(3), rnd.IntN(3), rnd.IntN(6))
		}
		lines = append(lines, line)
	}
	lines = append(lines, pick("", "forbiddenChars", `forbiddenChars <>"`, "forbiddenChars lI1O0|", "forbiddenChars é", "forbiddenChars 0123456789"))
	lines = append(lines, pick("", "", "maxConsecutivePerClass 0", "maxConsecutivePerClass 1", "maxConsecutivePerClass 2", "maxConsecutivePerClass 4"))
	lines = append(lines, pick("", "checkRDN 0", "checkRDN 1", "checkRDN 1", "checkRDN 2"))
	lines = append(lines, pick("", "", "# a comment", "minQualityFoo 9", "useCracklib 0", "\t minQuality 2", "nonsense 3", "checkAttributes cn,sn"))
	rnd.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return strings.Join(lines, pick("\n", "\n", "\n\n", "\r\n"))
}

func TestPPMSuggestionsAreAccepted(t *testing.T) {
	t.Parallel()
	n := perUser(t)
	s, users := ppmServer(t, rand.New(rand.NewPCG(seed(t), 3)), 22)
	prove(t, s, ppmConnections, users, n, 15, openldap.Config{})
}

func TestPPMVerdictsAgree(t *testing.T) {
	t.Parallel()
	n := perUser(t) / 5
	base := seed(t)
	s, users := ppmServer(t, rand.New(rand.NewPCG(base, 4)), 60)
	compareVerdicts(t, s, ppmConnections, users, n, base, openldap.Config{}, nearPPM)
}

// nearPPM returns a password of few classes, or a suggestion with a few
// octets changed, or one with a piece of the user's name.
func nearPPM(rnd *rand.Rand, eff *policy.Effective) []byte {
	alphabets := []string{"abcXYZ", "0123456789", "!%*()-_=+.,;", "éè£ñ", "lI1O0|<>\"", "13579Q", "aeiou", "XYZ", "aZ9\x00"}
	var b []byte
	if s, err := eff.Suggest(context.Background(), policy.SuggestOptions{Count: 1}); err == nil && rnd.IntN(2) == 0 {
		b = append(b, s[0].Password.Bytes()...)
	}
	for range rnd.IntN(4) {
		runes := []rune(alphabets[rnd.IntN(len(alphabets))])
		for range 1 + rnd.IntN(8) {
			b = append(b, string(runes[rnd.IntN(len(runes))])...)
		}
	}
	if rnd.IntN(4) == 0 {
		// A piece of the name, as it is or as the pattern that it is.
		name, _, _ := strings.Cut(strings.TrimPrefix(eff.Subject.DN, "uid="), ",")
		pieces := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(" ,;-_", r) })
		piece := pieces[rnd.IntN(len(pieces))]
		if rnd.IntN(2) == 0 {
			piece = strings.NewReplacer(".", "#", "*", "").Replace(piece)
		}
		b = slices.Insert(b, rnd.IntN(len(b)+1), []byte(strings.ToUpper(piece))...)
	}
	if len(b) == 0 || b[0] == '{' {
		b = append([]byte("-"), b...)
	}
	return b
}

// A piece of a name that is no regular expression is where we part from ppm:
// it then passes over the rest of the name, we look for the piece as it is.
func TestPPMVerdictsOnBrokenPatterns(t *testing.T) {
	t.Parallel()
	module, err := testenv.PPM(t.Context())
	if err != nil {
		t.Skipf("ppm: not run: %v", err)
	}
	var ldif strings.Builder
	u := writePolicy(&ldif, "q[uote", testenv.BaseDN, []string{
		"pwdCheckQuality: 2",
		"pwdCheckModule: " + module,
		"pwdCheckModuleArg:: " + base64.StdEncoding.EncodeToString([]byte("minQuality 0\ncheckRDN 1")),
	}, "pwdPolicyChecker")
	s := testenv.StartSlapd(t, testenv.SlapdOptions{PPM: module, ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 1, LDIF: ldif.String()}}})
	eff, err := service(t, s, s.Reader, openldap.Config{}).Resolve(t.Context(), policy.Selection{Target: u.dn})
	if err != nil {
		t.Fatal(err)
	}
	who := &setter{conn: s.Dial(t, s.Helpdesk)}
	for password, ours := range map[string]bool{"xxQ[UOTExx": false, "xxquotexx": true} {
		if got := len(eff.Compiled.Validate([]byte(password), eff.Subject)) == 0; got != ours {
			t.Errorf("%q: accepted by us %v, want %v", password, got, ours)
		}
		if err := who.set(u.dn, password); err != nil {
			t.Errorf("%q: refused by ppm: %v", password, err)
		}
	}
}

// What we accept, cracklib accepts. The other way about it need not be so: we
// do not know its dictionary, and undo more than it does.
func TestPPMCracklib(t *testing.T) {
	t.Parallel()
	module, err := testenv.PPM(t.Context())
	if err != nil {
		t.Skipf("ppm: not run: %v", err)
	}
	const dictionary = "/usr/share/dict/cracklib-small"
	text, err := os.ReadFile(dictionary)
	if err != nil {
		t.Fatalf("%v: install the package cracklib-runtime", err)
	}
	// As cracklib-format, which makes the dictionary, leaves them.
	list := strings.Fields(strings.Map(func(r rune) rune {
		if r == '\n' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(string(text))))
	words := rule.NewWords(list...)
	var ldif strings.Builder
	users := []subject{writePolicy(&ldif, "cracklib", testenv.BaseDN, []string{
		"pwdCheckQuality: 2",
		"pwdMaxLength: 12",
		"pwdCheckModule: " + module,
		"pwdCheckModuleArg:: " + base64.StdEncoding.EncodeToString([]byte("minQuality 0\nuseCracklib 1")),
	}, "pwdPolicyChecker")}
	s := testenv.StartSlapd(t, testenv.SlapdOptions{PPM: module, ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 1, LDIF: ldif.String()}}})
	who := &setter{conn: s.Dial(t, s.Helpdesk)}
	if err := who.set(users[0].dn, "password1"); err == nil {
		if os.Getenv("LDAPSUGGEST_PPM_SO") == "" {
			t.Fatal("ppm was built here without cracklib: libcrack2 is missing")
		}
		t.Skip("ppm: cracklib not run: the module that LDAPSUGGEST_PPM_SO names was built without it")
	}
	cfg := openldap.Config{Words: words}
	prove(t, s, ppmConnections, users, perUser(t), 1, cfg)

	eff, err := service(t, s, s.Reader, cfg).Resolve(t.Context(), policy.Selection{Target: users[0].dn})
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(seed(t), 5))
	accepted, rejected := 0, 0
	for range 4 * perUser(t) {
		word := []byte(list[rnd.IntN(len(list))])
		for range rnd.IntN(5) {
			const other = "aAzZ01935$@!-. "
			switch at := rnd.IntN(len(word) + 1); rnd.IntN(3) {
			case 0:
				word = slices.Insert(word, at, other[rnd.IntN(len(other))])
			case 1:
				word[min(at, len(word)-1)] = other[rnd.IntN(len(other))]
			case 2:
				slices.Reverse(word)
			}
		}
		if word[0] == '{' || len(word) > 12 {
			continue
		}
		if len(eff.Compiled.Validate(word, eff.Subject)) > 0 {
			rejected++
			continue
		}
		if err := who.set(users[0].dn, string(word)); refused(t, err) && !strings.Contains(err.Error(), "not being changed") {
			t.Errorf("%q: we accept what the server refuses: %v", word, err)
		} else {
			accepted++
		}
	}
	t.Logf("%d passwords near words accepted by both, %d refused by us", accepted, rejected)
	if n := perUser(t); accepted < n/10 || rejected < n/10 {
		t.Errorf("%d accepted and %d refused are no proof", accepted, rejected)
	}
}
