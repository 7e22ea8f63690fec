package ds389

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// schemes are the storage schemes that the server knows. A value that begins
// with one of them in braces is taken for a hash, and refused even where
// passwordCheckSyntax is off.
var schemes = []string{
	"PBKDF2", "PBKDF2-SHA1", "PBKDF2-SHA256", "PBKDF2-SHA512", "PBKDF2_SHA256", "SSHA", "SSHA256", "SSHA384", "SSHA512",
	"SHA", "SHA256", "SHA384", "SHA512", "SMD5", "MD5", "CRYPT", "CRYPT-MD5", "CRYPT-SHA256", "CRYPT-SHA512",
	"GOST_YESCRYPT", "NS-MTA-MD5", "CLEAR", "AES",
}

// lengthWithoutWords is what takes the place of an unknown dictionary.
const lengthWithoutWords = 24

// Load implements policy.Dialect.
func (d *Dialect) Load(ctx context.Context, dir policy.Directory, ref string) (*policy.Policy, error) {
	global, err := readGlobal(ctx, dir)
	if err != nil {
		return nil, err
	}
	local := global
	if dn.Key(ref) != configDN {
		local, err = policy.Read(ctx, dir, policy.Query{Base: ref, Attributes: policyAttributes, Shared: true})
		if err != nil {
			return nil, unreadable(err, ref, "it is a password policy in use")
		}
		if !local.IsA("passwordpolicy") {
			return nil, result.New(result.InsufficientAccessRights,
				"%q is used as a password policy, but the service account sees no object class passwordPolicy there: grant read on objectClass and password*, or mend the pointer", ref)
		}
	}
	b := builder{global: global, local: local, policy: &policy.Policy{DN: local.DN}}
	if err := b.build(ctx, dir, d.cfg); err != nil {
		return nil, err
	}
	return b.policy, nil
}

// builder turns the entries of a policy into rules. Its methods do nothing
// once one has failed.
type builder struct {
	global, local policy.Entry
	policy        *policy.Policy
	err           error
}

func (b *builder) build(ctx context.Context, dir policy.Directory, cfg Config) error {
	b.account()
	b.demand(rule.StoragePrefix{Schemes: schemes}, policy.Source{DN: configDN, Attribute: "nsslapd-allow-hashed-passwords", Value: "off"})
	check, inherit := b.flag(b.local, "passwordCheckSyntax"), false
	if !check && b.flag(b.global, "nsslapd-pwpolicy-inherit-global") && b.flag(b.global, "passwordCheckSyntax") {
		check, inherit = true, true
	}
	if !check || b.err != nil {
		return b.err
	}
	globalWordsOnly, err := globalWordsOnly(ctx, dir)
	if err != nil {
		return err
	}
	b.syntax(cfg, inherit, globalWordsOnly)
	return b.err
}

// account fills in what is not about the form of a password.
func (b *builder) account() {
	b.policy.MustChange = b.flag(b.local, "passwordMustChange")
	if b.flag(b.local, "passwordExp") {
		b.policy.MaxAge = time.Duration(b.number(lookup(b.local, "passwordMaxAge"))) * time.Second
	}
	if b.flag(b.local, "passwordHistory") {
		// The current password is refused besides those remembered.
		b.policy.History = b.number(lookup(b.local, "passwordInHistory")) + 1
	}
}

// syntax adds the syntax rules in the server's order.
func (b *builder) syntax(cfg Config, inherit, globalWordsOnly bool) {
	sources := func(attribute string) []policy.Entry { return []policy.Entry{b.local} }
	if inherit {
		from := make(map[string][]policy.Entry)
		for _, a := range inherited {
			from[a] = []policy.Entry{b.global}
		}
		for _, a := range inheritedLater {
			from[a] = []policy.Entry{b.local, b.global}
			if globalWordsOnly {
				from[a] = []policy.Entry{b.local}
			}
		}
		sources = func(attribute string) []policy.Entry { return from[attribute] }
	}
	numbers := func(attribute string, make func(n int) rule.Rule) {
		for _, e := range sources(attribute) {
			s := lookup(e, attribute)
			if n := b.number(s); n > 0 {
				b.demand(make(n), s.shown())
			}
		}
	}
	flags := func(attribute string, r rule.Rule) {
		for _, e := range sources(attribute) {
			if b.flag(e, attribute) {
				b.demand(r, lookup(e, attribute).shown())
			}
		}
	}

	flags("passwordDictCheck", rule.Cracklib{Words: cfg.Words})
	if cfg.Words == nil {
		// At this length a random password is no word, whatever is taken
		// off it and undone in it: the chance is below one in a billion.
		flags("passwordDictCheck", rule.Length{Min: lengthWithoutWords})
	}
	flags("passwordPalindrome", rule.Palindrome{})
	b.badWords(globalWordsOnly)
	numbers("passwordMaxSequence", func(n int) rule.Rule { return rule.Sequence{Max: n} })
	numbers("passwordMaxSeqSets", func(n int) rule.Rule { return rule.SequenceSets{Max: n} })
	numbers("passwordMaxClassChars", func(n int) rule.Rule { return rule.ClassRun{Max: n} })
	numbers("passwordMinLength", func(n int) rule.Rule { return rule.Length{Min: n} })
	numbers("passwordMinDigits", func(n int) rule.Rule { return rule.ClassMinimums{Digits: n} })
	numbers("passwordMinAlphas", func(n int) rule.Rule { return rule.ClassMinimums{Alphas: n} })
	numbers("passwordMinUppers", func(n int) rule.Rule { return rule.ClassMinimums{Uppers: n} })
	numbers("passwordMinLowers", func(n int) rule.Rule { return rule.ClassMinimums{Lowers: n} })
	numbers("passwordMinSpecials", func(n int) rule.Rule { return rule.ClassMinimums{Specials: n} })
	numbers("passwordMin8bit", func(n int) rule.Rule { return rule.ClassMinimums{EightBit: n} })
	numbers("passwordMaxRepeats", func(n int) rule.Rule { return rule.RepeatedCharacters{Max: n, CaseSensitive: true} })
	numbers("passwordMinCategories", func(n int) rule.Rule { return rule.Categories{Min: n} })
	attributes := append(append([]string(nil), namingAttributes...), b.words("passwordUserAttributes", globalWordsOnly)...)
	numbers("passwordMinTokenLength", func(n int) rule.Rule { return rule.Tokens{Length: n, Attributes: attributes} })
	b.refuseUnknownChecks()
}

func (b *builder) badWords(globalOnly bool) {
	if words := b.words("passwordBadWords", globalOnly); len(words) > 0 {
		// Not the words themselves: they may tell what people have tried.
		b.demand(rule.BadWords{Words: words}, policy.Source{DN: b.local.DN, Attribute: "passwordBadWords", Value: strconv.Itoa(len(words)) + " words"})
	}
}

// words returns a list attribute. Releases before April 2026 use the global
// list for local policies too; later ones use the local list only. Which one
// a server is cannot always be told, so the union is honoured where it can
// not.
func (b *builder) words(attribute string, globalOnly bool) []string {
	out := splitList(b.global.Values(attribute))
	if !globalOnly && b.local.DN != b.global.DN {
		out = append(out, splitList(b.local.Values(attribute))...)
	}
	return out
}

// refuseUnknownChecks fails closed on checks that this package cannot make.
func (b *builder) refuseUnknownChecks() {
	if b.flag(b.local, "passwordBreachCheck") {
		b.fail(result.New(result.UnwillingToPerform,
			"passwordBreachCheck of %q is on: the server asks a list of breached passwords that is not known here", b.local.DN))
	}
}

// globalWordsOnly reports whether the server is of a release line in which
// local policies never see their own words: 2.3, 2.5 and all before.
func globalWordsOnly(ctx context.Context, dir policy.Directory) (bool, error) {
	root, err := policy.Read(ctx, dir, policy.Query{Base: "", Attributes: []string{"vendorVersion"}, Shared: true})
	if err != nil {
		return false, err
	}
	v, _ := root.Value("vendorVersion")
	_, v, _ = strings.Cut(v, "/")
	parts := strings.SplitN(v, ".", 3)
	if len(parts) < 3 {
		return false, nil
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil {
		return false, nil
	}
	return major < 2 || major == 2 && (minor <= 3 || minor == 5), nil
}

func (b *builder) demand(r rule.Rule, s policy.Source) {
	b.policy.Demands = append(b.policy.Demands, policy.Demand{Rule: r, Source: s})
}

func (b *builder) flag(e policy.Entry, attribute string) bool {
	on, err := flag(e, attribute, false)
	b.fail(err)
	return on
}

func (b *builder) number(s setting) int {
	n, err := s.number()
	b.fail(err)
	return n
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// shown returns the source as it is explained: a value that no entry holds is
// marked as the server's own.
func (s setting) shown() policy.Source {
	if s.builtIn {
		s.Value += " (built in)"
	}
	return s.Source
}
