package restbridge

import (
	"bytes"
	"unicode/utf8"
)

// takeSecret finds the string member name of the JSON object in body and
// returns its octets, unescaped, in memory of their own. In body it puts an
// empty string in its place, and spaces, so that the decoder, which copies
// what it reads, never has it. Of several such members, all lose their value,
// and the decoder refuses the body. A value that is no string becomes a
// number, for the decoder to refuse.
//
// The caller wipes the secret. It must not decode a body for which ok is
// false, which is no JSON object: somewhere in it may be a secret that was
// not found.
func takeSecret(body []byte, name string) (secret []byte, found, ok bool) {
	fail := func() ([]byte, bool, bool) {
		clear(secret)
		return nil, false, false
	}
	i := skipSpace(body, 0)
	if at(body, i) != '{' {
		return fail()
	}
	i = skipSpace(body, i+1)
	if at(body, i) == '}' {
		return nil, false, true
	}
	for {
		end := stringEnd(body, i)
		if end < 0 {
			return fail()
		}
		key, valid := unquote(body[i+1 : end-1])
		colon := skipSpace(body, end)
		if !valid || at(body, colon) != ':' {
			return fail()
		}
		i = skipSpace(body, colon+1)
		if end = valueEnd(body, i); end < 0 {
			return fail()
		}
		if string(key) == name && end > i {
			value := body[i:end]
			isString := value[0] == '"'
			if isString {
				clear(secret)
				if secret, valid = unquote(value[1 : len(value)-1]); !valid {
					return fail()
				}
				found = true
			}
			for k := range value {
				value[k] = ' '
			}
			if isString {
				value[0], value[1] = '"', '"'
			} else {
				value[0] = '0'
			}
		}
		i = skipSpace(body, end)
		switch at(body, i) {
		case '}':
			return secret, found, true
		case ',':
			i = skipSpace(body, i+1)
		default:
			return fail()
		}
	}
}

// at returns an octet of b, 0 beyond its end.
func at(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// stringEnd returns where the string that begins at i ends, -1 if none does or
// it does not end.
func stringEnd(b []byte, i int) int {
	if at(b, i) != '"' {
		return -1
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// valueEnd returns where the value that begins at i ends, -1 if that cannot
// be told. Whether the value is right is for the decoder.
func valueEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = stringEnd(b, i); i < 0 {
				return -1
			}
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return -1
}

// unquote returns what the inside of a JSON string means (RFC 8259 section
// 7). It writes into memory that no growing leaves behind. Lone surrogates
// are invalid.
func unquote(b []byte) (out []byte, ok bool) {
	out = make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c < 0x20:
			return out, false
		case c != '\\':
			out = append(out, c)
			i++
			continue
		case i+1 == len(b):
			return out, false
		}
		if k := bytes.IndexByte([]byte(`"\/bfnrt`), b[i+1]); k >= 0 {
			out = append(out, "\"\\/\b\f\n\r\t"[k])
			i += 2
			continue
		}
		r, valid := hex4(b[i:])
		if !valid {
			return out, false
		}
		i += 6
		if 0xD800 <= r && r < 0xE000 {
			low, valid := hex4(b[i:])
			if r >= 0xDC00 || !valid || low < 0xDC00 || low > 0xDFFF {
				return out, false
			}
			r = 0x10000 + (r-0xD800)<<10 + (low - 0xDC00)
			i += 6
		}
		out = utf8.AppendRune(out, r)
	}
	return out, utf8.Valid(out)
}

// hex4 reads the escape \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	r := rune(0)
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
