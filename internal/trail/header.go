package trail

// maxRequestID bounds what a client may name a request.
const maxRequestID = 64

// RequestID returns the identifier that a client gives a request, if it is
// one that may be written to logs and given back: 1 to 64 letters and digits
// of ASCII and any of "-._~:/+=@", which are those of UUIDs, ULIDs and
// Base64. ok is false for any other.
func RequestID(s string) (id string, ok bool) {
	if len(s) == 0 || len(s) > maxRequestID {
		return "", false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~', c == ':', c == '/', c == '+', c == '=', c == '@':
		default:
			return "", false
		}
	}
	return s, true
}

// TraceParent returns the trace identifier of a traceparent header, if it is
// well-formed (W3C Trace Context, section 3.2):
//
//	version "-" trace-id "-" parent-id "-" trace-flags
//
// in 2, 32, 16 and 2 lower-case hexadecimal digits. Identifiers of zeros and the
// version ff are invalid. A version above 00 may be followed by more.
func TraceParent(s string) (traceID string, ok bool) {
	if len(s) < 55 || len(s) > 128 || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return "", false
	}
	version, trace, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	for _, field := range []string{version, trace, parent, flags} {
		for i := range len(field) {
			if c := field[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return "", false
			}
		}
	}
	switch {
	case version == "ff", zeros(trace), zeros(parent):
		return "", false
	case len(s) > 55 && (version == "00" || s[55] != '-'):
		return "", false
	}
	return trace, true
}

func zeros(s string) bool {
	for i := range len(s) {
		if s[i] != '0' {
			return false
		}
	}
	return true
}
