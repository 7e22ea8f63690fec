package restbridge

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// An httpError is a failure that HTTP has a status of its own for.
type httpError struct {
	status     int
	code       result.Code // protocolError(2) if 0, as LDAP answers an operation that is not there or cannot be read
	text       string
	allow      string // the header Allow, if not empty
	accept     string // the header Accept (RFC 7694), if not empty
	retryAfter string // the header Retry-After, if not empty
}

func (e *httpError) Error() string { return e.text }

// statusOf is the one table from LDAP result codes to HTTP status codes.
// docs/rest/suggest-password.md has it for readers.
func statusOf(c result.Code) int {
	switch c {
	case result.Success:
		return http.StatusOK
	case result.ProtocolError, result.UnavailableCriticalExtension, result.ConstraintViolation,
		result.InvalidAttributeSyntax, result.InvalidDNSyntax:
		return http.StatusBadRequest
	case result.InvalidCredentials, result.InappropriateAuthentication, result.StrongerAuthRequired:
		return http.StatusUnauthorized
	case result.InsufficientAccessRights, result.ConfidentialityRequired, result.AuthorizationDenied:
		return http.StatusForbidden
	case result.NoSuchObject:
		return http.StatusNotFound
	case result.UnwillingToPerform, result.SizeLimitExceeded:
		return http.StatusUnprocessableEntity
	case result.Busy, result.Unavailable, result.TimeLimitExceeded, result.AdminLimitExceeded, result.Canceled:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// fail is failAs for the Directory REST API.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.failAs(directoryAPI, w, r, err)
}

// EncodeError returns the response body for an error.
func EncodeError(err error) []byte {
	res := result.From(err)
	b := appendResultCode([]byte{'{'}, res.Code)
	b = appendOutcome(b, res.MatchedDN, res.Text)
	return append(b, "}\n"...)
}

// write sends a body of the Directory REST API.
func write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	if wantsHAL(r) {
		h.Set("Content-Type", "application/hal+json")
	}
	if h["Vary"] == nil {
		h["Vary"] = varyAccept
	} else {
		h.Add("Vary", "Accept")
	}
	writeJSON(w, r, status, body)
}

// shortBody is a number of octets up to which http.ResponseWriter computes
// Content-Length: it says that it does so under a few KB.
const shortBody = 1 << 10

// writeJSON sends a body.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	if h["Content-Type"] == nil {
		h["Content-Type"] = jsonContentType
	}
	// The length of a short body is told without our help.
	if len(body) > shortBody || r.Method == http.MethodHead {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client is gone
	}
}

// wantsHAL reports whether the client asks for application/hal+json by name.
func wantsHAL(r *http.Request) bool {
	for _, line := range r.Header["Accept"] {
		for part := range strings.SplitSeq(line, ",") {
			mediaType, params, err := mime.ParseMediaType(part)
			if err != nil || mediaType != "application/hal+json" {
				continue
			}
			if q, err := strconv.ParseFloat(params["q"], 64); err != nil || q > 0 {
				return true
			}
		}
	}
	return false
}

// appendResultCode appends the member resultCode.
func appendResultCode(b []byte, c result.Code) []byte {
	b = append(b, `"resultCode":{"value":`...)
	b = strconv.AppendInt(b, int64(c), 10)
	b = append(b, `,"name":`...)
	return append(appendString(b, c.String()), '}')
}

// appendOutcome appends what an LDAPResult has besides its code.
func appendOutcome(b []byte, matchedDN, text string) []byte {
	if matchedDN != "" {
		b = appendString(append(b, `,"matchedDN":`...), matchedDN)
	}
	if text != "" {
		b = appendString(append(b, `,"diagnosticMessage":`...), text)
	}
	return b
}

// appendString appends a JSON string (RFC 8259 section 7). It takes octets,
// so that a password need not become a Go string, which nobody can wipe.
// What is not UTF-8 becomes U+FFFD; a password must be checked before.
func appendString[T string | []byte](b []byte, s T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := decodeRune(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				b = append(b, `\ufffd`...)
			case r == '\u2028' || r == '\u2029': // line ends in JavaScript
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
		case c < 0x20 || c == 0x7F || c == '<' || c == '>' || c == '&':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
		default:
			b = append(b, c)
		}
		i++
	}
	return append(b, '"')
}

// maxEscaped is the largest number of octets that appendString makes of one.
const maxEscaped = 6

func decodeRune[T string | []byte](s T) (rune, int) {
	var buf [utf8.UTFMax]byte
	return utf8.DecodeRune(buf[:copy(buf[:], s)])
}
