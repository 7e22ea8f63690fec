package opendj

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"
)

// units are the spellings of the units of a duration, in nanoseconds. The
// servers write the short or the plural form; singular ones are accepted by
// PingDirectory.
func unit(name string) (time.Duration, bool) {
	const day = 24 * time.Hour
	switch strings.ToLower(name) {
	case "ns", "nanosecond", "nanoseconds":
		return time.Nanosecond, true
	case "us", "microsecond", "microseconds":
		return time.Microsecond, true
	case "ms", "millisecond", "milliseconds":
		return time.Millisecond, true
	case "s", "second", "seconds":
		return time.Second, true
	case "m", "minute", "minutes":
		return time.Minute, true
	case "h", "hour", "hours":
		return time.Hour, true
	case "d", "day", "days":
		return day, true
	case "w", "week", "weeks":
		return 7 * day, true
	}
	return 0, false
}

// parseDuration reads "N unit", several of them added up ("1 d 12 h"), or a
// bare 0. The result is in nanoseconds: the servers know durations that
// time.Duration does not reach.
func parseDuration(s string) (*big.Int, error) {
	rest := strings.TrimSpace(s)
	if rest == "" {
		return nil, errors.New("the duration is empty")
	}
	total := new(big.Int)
	if strings.Trim(rest, "0") == "" {
		return total, nil
	}
	for rest != "" {
		digits := span(rest, "0123456789")
		if digits == "" {
			return nil, fmt.Errorf("%q is not a duration: a number was expected before %q", s, rest)
		}
		if len(digits) > 19 {
			return nil, fmt.Errorf("%q is not a duration: the number is too long", s)
		}
		rest = strings.TrimLeft(rest[len(digits):], " ")
		name := rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
		size, ok := unit(name)
		if !ok {
			return nil, fmt.Errorf("%q is not a duration: a unit such as seconds, minutes, hours, days or weeks was expected after %s", s, digits)
		}
		rest = strings.TrimLeft(rest[len(name):], " ")
		n, _ := new(big.Int).SetString(digits, 10)
		total.Add(total, n.Mul(n, big.NewInt(int64(size))))
	}
	return total, nil
}

// span returns the longest prefix of s of characters in set.
func span(s, set string) string {
	return s[:len(s)-len(strings.TrimLeft(s, set))]
}

// clamped returns n nanoseconds as a time.Duration, the longest one if it
// does not fit (292 years).
func clamped(n *big.Int) time.Duration {
	if !n.IsInt64() {
		return math.MaxInt64
	}
	return time.Duration(n.Int64())
}

// duration returns the value of a duration property in nanoseconds.
func (r *reader) duration(attribute, def string) *big.Int {
	value, ok := r.withDefault(attribute, def)
	if !ok {
		return new(big.Int)
	}
	n, err := parseDuration(value)
	if err != nil {
		r.fail(attribute, "%v", err)
		return new(big.Int)
	}
	return n
}
