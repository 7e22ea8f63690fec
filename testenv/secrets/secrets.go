package secrets

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
)

// MinLength is how many octets a secret has at least. Shorter ones are found
// by chance.
const MinLength = 6

// A Book holds secrets. Its zero value holds none.
type Book struct {
	mu      sync.Mutex
	names   map[string]string // by secret
	formed  int               // secrets whose forms are in
	byStart map[uint32][]form
	starts  [1 << 16]uint64 // of which first two octets there is a form: bits by the third
}

// A form is what a secret may look like.
type form struct {
	secret, name string // of the secret; of the form
	text         string
}

// Add puts a secret into the book, and numbers it. It panics if it is too short, for such a
// test would prove nothing.
func (b *Book) Add(name, secret string) {
	if len(secret) < MinLength {
		panic(fmt.Sprintf("secrets: %s has %d octets, want %d at least", name, len(secret), MinLength))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.names == nil {
		b.names = make(map[string]string)
	}
	if _, ok := b.names[secret]; !ok {
		b.names[secret] = fmt.Sprintf("%s, no. %d", name, len(b.names)+1)
	}
}

// Len returns how many secrets there are.
func (b *Book) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.names)
}

// A Leak is where a secret was found.
type Leak struct {
	Secret, Form string // their names
	Place        string
	Offset       int64
}

func (l Leak) String() string {
	return fmt.Sprintf("%s: the secret %q is at octet %d, as %s", l.Place, l.Secret, l.Offset, l.Form)
}

// maxForm bounds the octets of a form that are compared: what looks like that
// much of a secret is one.
const maxForm = 64

// overlap is how much of a block is looked at again with the next one.
const overlap = 4 * maxForm

// Search looks for all secrets in what r gives. Place names it in the leaks.
func (b *Book) Search(place string, r io.Reader) ([]Leak, error) {
	b.prepare()
	buf := make([]byte, 1<<20)
	var leaks []Leak
	seen := make(map[string]bool)
	have, base := 0, int64(0)
	for {
		n, err := io.ReadFull(r, buf[have:])
		have += n
		last := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !last {
			return leaks, err
		}
		end := have
		if !last {
			end = have - overlap
		}
		for i := 0; i < end && i+4 <= have; i++ {
			if b.starts[binary.LittleEndian.Uint16(buf[i:])]&(1<<(buf[i+2]&63)) == 0 {
				continue
			}
			for _, f := range b.byStart[binary.LittleEndian.Uint32(buf[i:])] {
				if strings.HasPrefix(string(buf[i:min(have, i+len(f.text))]), f.text) && !seen[f.secret+f.name] {
					seen[f.secret+f.name] = true
					leaks = append(leaks, Leak{f.secret, f.name, place, base + int64(i)})
				}
			}
		}
		if last {
			return leaks, nil
		}
		copy(buf, buf[end:have])
		base += int64(end)
		have -= end
	}
}

// SearchString is Search of a text.
func (b *Book) SearchString(place, text string) []Leak {
	leaks, _ := b.Search(place, strings.NewReader(text))
	return leaks
}

func (b *Book) prepare() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.formed == len(b.names) {
		return
	}
	b.formed = len(b.names)
	b.byStart = make(map[uint32][]form)
	b.starts = [1 << 16]uint64{}
	for _, secret := range slices.Sorted(maps.Keys(b.names)) {
		for name, text := range forms(secret) {
			if len(text) > maxForm {
				text = text[:maxForm]
			}
			start := []byte(text[:4])
			key := binary.LittleEndian.Uint32(start)
			b.byStart[key] = append(b.byStart[key], form{b.names[secret], name, text})
			b.starts[binary.LittleEndian.Uint16(start)] |= 1 << (start[2] & 63)
		}
	}
}

// forms returns what a secret looks like where it was encoded, by the name of
// the encoding. Those that change nothing are left out.
func forms(secret string) map[string]string {
	m := map[string]string{
		"plain text":    secret,
		"hexadecimal":   hex.EncodeToString([]byte(secret)),
		"HEXADECIMAL":   strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"URL query":     url.QueryEscape(secret),
		"URL path":      url.PathEscape(secret),
		"HTML":          html.EscapeString(secret),
		"UTF-16LE":      utf16Text(secret, binary.LittleEndian),
		"UTF-16BE":      utf16Text(secret, binary.BigEndian),
		"Go string":     inside(strconv.Quote(secret)),
		"Go ASCII":      inside(strconv.QuoteToASCII(secret)),
		"octets":        inside(fmt.Sprint([]byte(secret))),
		"LDAP filter":   filterText(secret),
		"hex in blocks": strings.ToLower(fmt.Sprintf("% x", secret)),
	}
	if j, err := json.Marshal(secret); err == nil {
		m["JSON"] = inside(string(j))
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(secret) == nil {
		m["JSON without HTML"] = inside(strings.TrimSpace(b.String()))
	}
	// Inside something longer, such as name:password, it begins at any of three
	// places in a group. What depends on the neighbours is left out.
	for shift := range 3 {
		padded := append(make([]byte, shift), secret...)
		whole := len(padded) / 3 * 3
		from := 0
		if shift > 0 {
			from = 4
		}
		name := fmt.Sprintf("Base64, %d", shift)
		m[name] = base64.StdEncoding.EncodeToString(padded[:whole])[from:]
		m[name+", for URLs"] = base64.URLEncoding.EncodeToString(padded[:whole])[from:]
	}
	for name, text := range m {
		if len(text) < 4 || name != "plain text" && text == secret {
			delete(m, name)
		}
	}
	return m
}

func inside(s string) string { return s[1 : len(s)-1] }

func utf16Text(s string, order binary.ByteOrder) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		var two [2]byte
		order.PutUint16(two[:], u)
		b = append(b, two[:]...)
	}
	return string(b)
}

// filterText is how RFC 4515 writes it.
func filterText(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '*' || c == '(' || c == ')' || c == '\\' || c < 0x20 || c >= 0x7F:
			fmt.Fprintf(&b, `\%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
