package audit

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// A Kind says what an event is.
type Kind string

// The kinds of events.
const (
	Operation Kind = "operation" // an operation has ended
	Pending   Kind = "pending"   // the directory is about to get a request that was completed
	SignIn    Kind = "signIn"    // somebody could not sign in
	Lost      Kind = "lost"      // lines could not be written; written by the Log itself
)

// An Event is one line. docs/audit.md describes the members that its fields
// become. Empty strings and numbers that do not apply are left out.
type Event struct {
	Time time.Time // when it began; the zero Time stands for now
	Kind Kind

	Connection, Operation, Request, Trace string // identifiers, of package trail
	Door, Remote                          string

	Name   string // of the operation, or how somebody tried to sign in
	OID    string // of the operation, if it has one
	Caller string // authorization identity of the connection
	As     string // authorization identity whose rights counted

	Target          string // DN of the entry asked about
	Policy          string // DN of the policy asked about
	EffectivePolicy string // DN of the policy in force

	Requested, Returned, Rejected int // numbers of passwords

	Code      int    // of the LDAP result
	Result    string // its name
	Error     string // the public text
	Directory string // what a completed request ended with there: answered, unanswered, unsent

	Duration time.Duration
}

// timeFormat has a fixed width, and not more digits than RFC 5424 allows.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// maxText bounds the octets of one field: clients choose some of them.
const maxText = 4096

// append appends the line without its end, which numbers it.
func (e *Event) append(b []byte) []byte {
	t := e.Time
	if t.IsZero() {
		t = time.Now()
	}
	b = append(b, `{"time":"`...)
	b = t.UTC().AppendFormat(b, timeFormat)
	b = append(b, `","event":"`...)
	b = append(append(b, e.Kind...), '"')
	for _, m := range [...]struct{ name, value string }{
		{"conn", e.Connection}, {"op", e.Operation}, {"request", e.Request}, {"trace", e.Trace},
		{"door", e.Door}, {"remote", e.Remote},
		{"name", e.Name}, {"oid", e.OID}, {"caller", e.Caller}, {"as", e.As},
		{"target", e.Target}, {"policy", e.Policy}, {"effectivePolicy", e.EffectivePolicy},
	} {
		b = appendMember(b, m.name, m.value)
	}
	if e.Kind == Operation || e.Kind == Pending {
		b = appendNumber(b, "requested", int64(e.Requested))
		b = appendNumber(b, "returned", int64(e.Returned))
		b = appendNumber(b, "rejected", int64(e.Rejected))
	}
	if e.Kind != Pending {
		b = appendNumber(b, "code", int64(e.Code))
		b = appendMember(b, "result", e.Result)
		b = appendMember(b, "error", e.Error)
		b = appendMember(b, "directory", e.Directory)
		b = appendNumber(b, "microseconds", e.Duration.Microseconds())
	}
	return b
}

// appendLost appends the line, without its end, that tells of lines that are
// missing.
func appendLost(b []byte, lines uint64) []byte {
	b = append(b, `{"time":"`...)
	b = time.Now().UTC().AppendFormat(b, timeFormat)
	b = append(b, `","event":"lost"`...)
	return appendNumber(b, "lines", int64(lines))
}

// appendEnd ends a line.
func appendEnd(b []byte, instance string, seq uint64) []byte {
	b = append(append(b, `,"instance":"`...), instance...)
	b = append(b, `","seq":`...)
	b = strconv.AppendUint(b, seq, 10)
	return append(b, "}\n"...)
}

func appendNumber(b []byte, name string, n int64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, n, 10)
}

func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return appendString(b, value)
}

// appendString appends a JSON string in UTF-8 (RFC 8259 section 7), cut off
// with an ellipsis behind maxText octets.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	cut := len(s) > maxText
	if cut {
		s = s[:maxText]
		for len(s) > maxText-utf8.UTFMax && !utf8.ValidString(s[len(s)-1:]) {
			s = s[:len(s)-1]
		}
	}
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				b = append(b, `\ufffd`...)
			case r == '\u2028' || r == '\u2029': // line ends, to some
				b = append(b, `\u202`...)
				b = append(b, hex[r&0xF])
			default:
				b = append(b, s[i:i+n]...)
			}
			i += n
			continue
		}
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20 || c == 0x7F:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
		default:
			b = append(b, c)
		}
		i++
	}
	if cut {
		b = append(b, "…"...)
	}
	return append(b, '"')
}
