package rule

import (
	"strconv"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// ClassPoints demands a number of points: one for each class of which the
// password has enough octets (minQuality of ppm).
type ClassPoints struct {
	Min     int
	Classes []PointClass
}

// A PointClass is a class that can bring a point. One with an empty Set
// never does; one with MinForPoint 0 always does.
type PointClass struct {
	Name        string
	Set         ByteSet
	MinForPoint int
}

// Check implements Rule.
func (r ClassPoints) Check(password []byte, _ Subject) []string {
	points := 0
	for _, c := range r.Classes {
		if c.Set.Len() > 0 && c.Set.count(password) >= c.MinForPoint {
			points++
		}
	}
	if points >= r.Min {
		return nil
	}
	return []string{"The password contains characters of too few classes."}
}

// Requirement implements Rule.
func (r ClassPoints) Requirement() Requirement {
	req := Requirement{Type: "class-points", Properties: []Property{property("min-quality", r.Min)}}
	need := r.Min
	var parts []string
	for _, c := range r.Classes {
		switch {
		case c.Set.Len() == 0:
		case c.MinForPoint <= 0:
			need--
		default:
			parts = append(parts, c.Name+" ("+quantity(c.MinForPoint, "octet", "octets")+")")
			req.Properties = append(req.Properties, Property{"class", c.Name + " " + strconv.Itoa(c.MinForPoint)})
		}
	}
	switch {
	case need <= 0:
		req.Text = "The password may contain characters of any class."
	case len(parts) == 0:
		req.Text = "The password must reach " + quantity(need, "class", "classes") + ", of which there are none."
	default:
		req.Text = "The password must reach at least " + quantity(need, "class", "classes") + " of " + list(parts, "and") + "."
	}
	return req
}

// Narrow implements Shaper. It is exact for ASCII.
func (r ClassPoints) Narrow(shape *generate.Shape) {
	if r.Min <= 0 {
		return
	}
	choice := generate.Choice{Need: r.Min}
	for _, c := range r.Classes {
		if c.Set.Len() > 0 {
			choice.Of = append(choice.Of, generate.Threshold{Set: c.Set.characters(shape.Alphabet), Min: max(c.MinForPoint, 0)})
		}
	}
	shape.Choices = append(shape.Choices, choice)
}
