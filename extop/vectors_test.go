package extop

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// A vector is one line of a file in testdata/vectors, which is named after
// its kind. The bytes are those of the UnboundID LDAP SDK for Java 7.0.6:
//
//   - canonical: encoding Decoded yields Hex, decoding Hex yields Decoded;
//   - accepted: decodes as Decoded, CanonicalHex is what an encoder writes;
//   - lax: breaks the ASN.1; if it is accepted, it decodes as Decoded;
//   - rejected: must be refused.
type vector struct {
	Name         string          `json:"name"`
	Kind         string          `json:"kind"`
	Verdict      string          `json:"verdict"`
	Hex          *string         `json:"hex"` // nil: the element is absent
	Decoded      json.RawMessage `json:"decoded"`
	CanonicalHex string          `json:"canonicalHex"` // also "absent" and "unencodable"
	Note         string          `json:"note"`

	// Of kind jsonControl.
	JSON           string `json:"json"`
	Strict         bool   `json:"strict"`
	RequestControl bool   `json:"requestControl"`
}

// vectorCounts is how many vectors of each verdict a kind has: a file that
// is lost or cut short fails the tests instead of passing them.
var vectorCounts = map[string]map[string]int{
	"addRequestMessage":                             {"canonical": 5},
	"addResponseMessage":                            {"canonical": 4, "rejected": 1},
	"generatePasswordRequestControl":                {"canonical": 2, "rejected": 2},
	"generatePasswordRequestMessage":                {"canonical": 36, "accepted": 3, "lax": 1, "rejected": 4},
	"generatePasswordRequestValue":                  {"canonical": 105, "accepted": 8, "lax": 9, "rejected": 31},
	"generatePasswordResponseControlValue":          {"canonical": 25, "accepted": 1, "lax": 3, "rejected": 6},
	"generatePasswordResponseMessage":               {"canonical": 48, "accepted": 2, "rejected": 6},
	"generatePasswordResultValue":                   {"canonical": 56, "accepted": 3, "lax": 7, "rejected": 16},
	"jsonControl":                                   {"canonical": 20, "accepted": 6, "lax": 4, "rejected": 11},
	"passwordModifyRequestMessage":                  {"canonical": 3},
	"passwordModifyRequestValue":                    {"canonical": 20, "rejected": 2},
	"passwordModifyResponseMessage":                 {"canonical": 4},
	"passwordModifyResultValue":                     {"canonical": 2, "lax": 1, "rejected": 1},
	"passwordQualityRequestMessage":                 {"canonical": 4},
	"passwordQualityRequestValue":                   {"canonical": 14, "lax": 1, "rejected": 4},
	"passwordQualityResponseMessage":                {"canonical": 4},
	"passwordQualityResultValue":                    {"canonical": 22, "accepted": 1, "lax": 1, "rejected": 7},
	"passwordValidationDetailsRequestControl":       {"canonical": 1},
	"passwordValidationDetailsResponseControlValue": {"canonical": 15, "accepted": 1, "rejected": 3},
}

// loadVectors returns the vectors of a kind. It fails the test if there are
// not exactly as many as there have to be.
func loadVectors(t testing.TB, kind string) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "vectors", kind+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	got := make(map[string]int)
	for _, v := range vectors {
		if v.Kind != kind {
			t.Fatalf("%s: vector %s is of kind %s", kind, v.Name, v.Kind)
		}
		got[v.Verdict]++
	}
	want, ok := vectorCounts[kind]
	if !ok || len(vectors) == 0 {
		t.Fatalf("%s: no vectors are expected of this kind, %d found", kind, len(vectors))
	}
	if len(got) != len(want) {
		t.Fatalf("%s: verdicts %v, want %v", kind, got, want)
	}
	for verdict, n := range want {
		if got[verdict] != n {
			t.Fatalf("%s: verdicts %v, want %v", kind, got, want)
		}
	}
	return vectors
}

func TestVectorFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) != len(vectorCounts) {
		t.Fatalf("%d vector files (%v), want %d", len(files), err, len(vectorCounts))
	}
	total := 0
	for kind := range vectorCounts {
		total += len(loadVectors(t, kind))
	}
	if total != 536 {
		t.Errorf("%d vectors in all, want 536", total)
	}
}

// bytes returns the octets of the vector; nil if the element is absent.
func (v vector) bytes(t testing.TB) []byte {
	t.Helper()
	if v.Hex == nil {
		return nil
	}
	return unhex(t, *v.Hex)
}

// canonical returns what encoding the decoded value has to yield, and
// whether it can be encoded.
func (v vector) canonical(t testing.TB) ([]byte, bool) {
	t.Helper()
	switch v.CanonicalHex {
	case "":
		return v.bytes(t), true
	case "absent":
		return nil, true
	case "unencodable":
		return nil, false
	}
	return unhex(t, v.CanonicalHex), true
}

func (v vector) decoded(t testing.TB, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(v.Decoded))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	if b == nil {
		b = []byte{}
	}
	return b
}

// wantCode fails the test unless err is a *result.Error with the code.
func wantCode(t *testing.T, err error, code result.Code) *result.Error {
	t.Helper()
	e, ok := err.(*result.Error)
	if !ok {
		t.Fatalf("error is %T (%v), want a *result.Error with %v", err, err, code)
	}
	if e.Code != code {
		t.Fatalf("result is %v (%s), want %v", e.Code, e.Text, code)
	}
	return e
}

// A message is an LDAPMessage with an extended operation, parsed by asn1-ber
// and so independently of the code under test.
type message struct {
	id         int64
	op         ber.Tag
	code       int64
	matchedDN  string
	diagnostic string
	name       string
	value      []byte
	controls   []Control
	odd        bool // holds an element that the protocol does not have there
}

func parseMessage(t *testing.T, data []byte) message {
	t.Helper()
	p, err := ber.DecodePacketErr(data)
	if err != nil || len(p.Children) < 2 {
		t.Fatalf("not an LDAPMessage: %v", err)
	}
	m := message{id: p.Children[0].Value.(int64), op: p.Children[1].Tag}
	rest := p.Children[1].Children
	if m.op == 24 || m.op == 9 { // ExtendedResponse, AddResponse
		m.code = rest[0].Value.(int64)
		m.matchedDN = string(rest[1].ByteValue)
		m.diagnostic = string(rest[2].ByteValue)
		rest = rest[3:]
	}
	for _, c := range rest {
		switch {
		case m.op == 23 && c.ClassType == ber.ClassContext && c.Tag == 0,
			m.op == 24 && c.ClassType == ber.ClassContext && c.Tag == 10:
			m.name = c.Data.String()
		case m.op == 23 && c.ClassType == ber.ClassContext && c.Tag == 1,
			m.op == 24 && c.ClassType == ber.ClassContext && c.Tag == 11:
			m.value = append([]byte{}, c.Data.Bytes()...)
		case m.op == 24 && c.ClassType == ber.ClassContext && c.Tag == 3: // referral
		default:
			m.odd = true
		}
	}
	if len(p.Children) == 3 {
		for _, c := range p.Children[2].Children {
			m.controls = append(m.controls, parseControl(t, c))
		}
	}
	return m
}

func parseControl(t *testing.T, p *ber.Packet) Control {
	t.Helper()
	c := Control{OID: string(p.Children[0].ByteValue)}
	for _, child := range p.Children[1:] {
		switch child.Tag {
		case ber.TagBoolean:
			c.Critical = child.Value.(bool)
		case ber.TagOctetString:
			c.Value = append([]byte{}, child.Data.Bytes()...)
		default:
			t.Fatalf("control %s holds an element with tag %d", c.OID, child.Tag)
		}
	}
	return c
}
