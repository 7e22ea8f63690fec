package rule

import "github.com/ldapsuggest/ldapsuggest/policy/generate"

// WithTexts returns r with other words, as the policy has them: requirement
// for Requirement.Text, failure for what Check says, in place of all its
// reasons (validator-requirement-description and validator-failure-message of
// PingDirectory). An empty text leaves that of r. The result is a Shaper and
// a SubjectShaper if r is.
func WithTexts(r Rule, requirement, failure string) Rule {
	if requirement == "" && failure == "" {
		return r
	}
	t := texts{r, requirement, failure}
	shaper, isShaper := r.(Shaper)
	subjectShaper, isSubjectShaper := r.(SubjectShaper)
	switch {
	case isShaper && isSubjectShaper:
		return struct {
			texts
			narrower
			subjectNarrower
		}{t, narrower{shaper}, subjectNarrower{subjectShaper}}
	case isShaper:
		return struct {
			texts
			narrower
		}{t, narrower{shaper}}
	case isSubjectShaper:
		return struct {
			texts
			subjectNarrower
		}{t, subjectNarrower{subjectShaper}}
	}
	return t
}

type texts struct {
	rule                 Rule
	requirement, failure string
}

func (t texts) Check(password []byte, s Subject) []string {
	reasons := t.rule.Check(password, s)
	if len(reasons) > 0 && t.failure != "" {
		return []string{t.failure}
	}
	return reasons
}

func (t texts) Requirement() Requirement {
	req := t.rule.Requirement()
	if t.requirement != "" {
		req.Text = t.requirement
	}
	return req
}

type narrower struct{ shaper Shaper }

func (n narrower) Narrow(shape *generate.Shape) { n.shaper.Narrow(shape) }

type subjectNarrower struct{ shaper SubjectShaper }

func (n subjectNarrower) NarrowFor(shape *generate.Shape, s Subject) bool {
	return n.shaper.NarrowFor(shape, s)
}
