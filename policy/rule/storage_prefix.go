package rule

import (
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// StoragePrefix refuses passwords that a directory would take for a hash,
// because they begin with a storage scheme in braces.
type StoragePrefix struct {
	// Schemes are the names without braces, compared whatever their case.
	// None means that no password may begin with "{" at all.
	Schemes []string
}

// Check implements Rule.
func (r StoragePrefix) Check(password []byte, _ Subject) []string {
	if len(password) == 0 || password[0] != '{' {
		return nil
	}
	if len(r.Schemes) == 0 {
		return []string{"The password begins with a brace, which stands for a stored password."}
	}
	name, _, closed := strings.Cut(string(password[1:]), "}")
	for _, s := range r.Schemes {
		if closed && strings.EqualFold(name, s) {
			return []string{"The password begins like a stored password."}
		}
	}
	return nil
}

// Requirement implements Rule.
func (r StoragePrefix) Requirement() Requirement {
	req := Requirement{
		Text: "The password must not begin with a brace.",
		Type: "storage-prefix",
	}
	if len(r.Schemes) > 0 {
		req.Text = "The password must not begin with the name of a storage scheme in braces."
		for _, s := range r.Schemes {
			req.Properties = append(req.Properties, Property{"scheme", s})
		}
	}
	return req
}

// Narrow implements Shaper. It bars the brace, which is all that a shape can
// say of a prefix.
func (r StoragePrefix) Narrow(shape *generate.Shape) {
	shape.NotFirst = shape.NotFirst.Union(generate.NewSet("{"))
}
