package opendj

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// haystack reads a haystack validator. Whether the search space counts
// shorter passwords is not documented: the stricter reading, that it does
// not, holds.
func (d *Dialect) haystack(r *reader, _ string) []policy.Demand {
	const speed, least = "ds-cfg-assumed-password-guesses-per-second", "ds-cfg-minimum-acceptable-time-to-exhaust-search-space"
	value, ok := r.withDefault(speed, "100,000,000,000")
	guesses := new(big.Int)
	if ok {
		var err error
		if guesses, err = parseGrouped(value); err != nil {
			r.fail(speed, "%v", err)
		}
	}
	// Rounded up: a shorter time would ask for less.
	nanoseconds := r.duration(least, noDefault)
	milliseconds := nanoseconds.Add(nanoseconds, big.NewInt(999_999))
	milliseconds.Div(milliseconds, big.NewInt(1_000_000))
	if len(r.problems) > 0 {
		return nil
	}
	return demand(rule.NewHaystack(guesses, milliseconds, false), r.source(least))
}

// parseGrouped reads a positive number with commas between its digits.
func parseGrouped(value string) (*big.Int, error) {
	digits := strings.ReplaceAll(strings.TrimSpace(value), ",", "")
	if digits == "" || span(digits, "0123456789") != digits {
		return nil, fmt.Errorf("%q is not a number", value)
	}
	if len(digits) > 30 {
		return nil, fmt.Errorf("%q is out of range", value)
	}
	n, _ := new(big.Int).SetString(digits, 10)
	if n.Sign() == 0 {
		return nil, errors.New("it must be more than 0")
	}
	return n, nil
}
