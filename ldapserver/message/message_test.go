package message

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"pgregory.net/rapid"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/testenv/transparency"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestScan(t *testing.T) {
	nested := func(n int) string {
		inner := []byte{}
		for range n {
			inner = AppendElement(nil, 0xa0, inner)
		}
		return hex.EncodeToString(AppendMessage(nil, 1, SearchRequest, inner, nil))
	}
	for _, c := range []struct {
		name, hex string
		want      error
		id        int32
		op        byte
		body      string
		controls  string
	}{
		{name: "unbind", hex: "30 05 020101 4200", id: 1, op: UnbindRequest},
		{name: "abandon", hex: "30 06 020102 5001 07", id: 2, op: AbandonRequest, body: "07"},
		{name: "long lengths", hex: "30 84 0000000e 02 82 0001 05 42 84 00000000 a0 81 00", id: 5, op: UnbindRequest},
		{name: "nine octets of length", hex: "30 89 000000000000000005 020101 4200", want: ErrLength},
		{name: "controls", hex: "30 0b 020101 4200 a0 04 30 02 04 00", id: 1, op: UnbindRequest, controls: "30020400"},
		{name: "largest ID", hex: "30 08 02 04 7fffffff 4200", id: MaxID, op: UnbindRequest},
		{name: "ID in four octets", hex: "30 08 02 04 00000001 4200", id: 1, op: UnbindRequest},
		{name: "unknown component behind", hex: "30 07 020101 4200 8500", id: 1, op: UnbindRequest},
		{name: "ID of five octets", hex: "30 09 02 05 0080000000 4200", want: ErrID},
		{name: "negative ID", hex: "30 05 0201ff 4200", want: ErrID},
		{name: "empty ID", hex: "30 04 0200 4200", want: ErrID},
		{name: "ID is no integer", hex: "30 05 040101 4200", want: ErrID},
		{name: "no operation", hex: "30 03 020101", want: ErrIncomplete},
		{name: "empty", hex: "30 00", want: ErrID},
		{name: "nothing", hex: "", want: ErrIncomplete},
		{name: "not a sequence", hex: "31 05 020101 4200", want: ErrTag},
		{name: "indefinite", hex: "30 80 020101 4200 0000", want: ErrLength},
		{name: "indefinite inside", hex: "30 09 020101 63 80 0400 0000", want: ErrLength},
		{name: "beyond the end", hex: "30 06 020101 4200", want: ErrLength},
		{name: "child beyond its parent", hex: "30 0a 020101 63 02 04 03 aabbcc", want: ErrLength},
		{name: "grandchild cut", hex: "30 07 020101 63 02 30 01", want: ErrLength},
		{name: "lone tag", hex: "30 06 020101 63 01 04", want: ErrLength},
		{name: "octets behind", hex: "30 05 020101 4200 00", want: ErrTrailing},
		{name: "controls twice", hex: "30 09 020101 4200 a000 a000", want: ErrTag},
		{name: "high tag number", hex: "30 08 020101 7f 8101 01 00", want: ErrTag},
		{name: "deep enough", hex: nested(98), id: 1, op: SearchRequest, body: nested(98)[len("3081c802010163")+4:]},
		{name: "too deep", hex: nested(99), want: ErrTooDeep},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := unhex(t, c.hex)
			m, err := Scan(raw, Limits{})
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			if m.ID != c.id || m.Op != c.op || c.name != "deep enough" && hex.EncodeToString(m.Body) != c.body || hex.EncodeToString(m.Controls) != c.controls || !bytes.Equal(m.Raw, raw) {
				t.Errorf("got %d %#x %x %x", m.ID, m.Op, m.Body, m.Controls)
			}
			h, ok, err := ReadHead(raw)
			if err != nil || !ok || h != (Head{m.ID, m.Op, len(raw)}) {
				t.Errorf("head %v %v %v", h, ok, err)
			}
		})
	}
}

func TestScanDeepNesting(t *testing.T) {
	// 10,000 levels: no recursion, no allocation.
	deep := make([]byte, 0, 80000)
	deep = AppendHeader(deep, 0x30, 4*10000)
	for n := 10000 - 1; n >= 0; n-- {
		deep = append(deep, 0x30, 0x82, byte(4*n>>8), byte(4*n))
	}
	if n := testing.AllocsPerRun(10, func() {
		if _, err := Scan(deep, Limits{MaxDepth: 1000}); !errors.Is(err, ErrTooDeep) {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSizeLimit(t *testing.T) {
	r := NewReader(bytes.NewReader(unhex(t, "30 84 40000000 020101")), Limits{})
	if _, err := r.Next(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("1 GiB announced: %v", err)
	}
	if len(r.buf) > minBuffer {
		t.Errorf("the buffer has grown to %d", len(r.buf))
	}
	m := AppendElement(nil, 0x30, unhex(t, "020101 4200"))
	if _, _, err := Size(m, Limits{MaxSize: len(m)}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, _, err := Size(m, Limits{MaxSize: len(m) - 1}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("above the limit: %v", err)
	}
}

func TestReader(t *testing.T) {
	var stream []byte
	var want [][]byte
	for i := range 300 {
		m := AppendExtendedRequest(nil, int32(i), "1.2.3", bytes.Repeat([]byte{byte(i)}, i*i%20000), nil)
		want = append(want, m)
		stream = append(stream, m...)
	}
	for name, src := range map[string]io.Reader{
		"whole":            bytes.NewReader(stream),
		"an octet at once": iotest.OneByteReader(bytes.NewReader(stream)),
		"half":             iotest.HalfReader(bytes.NewReader(stream)),
		"data with error":  iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(src, Limits{})
			for i, w := range want {
				m, err := r.Next()
				if err != nil || !bytes.Equal(m.Raw, w) {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			if _, err := r.Next(); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
		})
	}
	r := NewReader(bytes.NewReader(stream[:len(want[0])+3]), Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Errorf("inside a message: %v", err)
	}
}

// TestReaderGrowth reads a message that a doubled buffer would exceed by far.
func TestReaderGrowth(t *testing.T) {
	want := AppendExtendedRequest(nil, 1, "1.2", make([]byte, 130<<10), nil)
	r := NewReader(bytes.NewReader(append(want, want...)), Limits{})
	for range 2 {
		if m, err := r.Next(); err != nil || !bytes.Equal(m.Raw, want) {
			t.Fatal(err)
		}
		if len(r.buf) > len(want) {
			t.Errorf("the buffer has grown to %d for %d octets", len(r.buf), len(want))
		}
	}
}

// chunks is a source of reads of a given size.
type chunks struct{ n int }

func (c *chunks) Read(p []byte) (int, error) { return min(c.n, len(p)), nil }

func TestReaderShrinks(t *testing.T) {
	src := &chunks{1 << 20}
	r := NewReader(src, Limits{})
	for range 20 {
		_ = r.Fill()
		r.Discard(1 << 20)
	}
	if len(r.buf) != fullBuffer {
		t.Errorf("%d octets under load", len(r.buf))
	}
	src.n = 10
	for range 200 {
		_ = r.Fill()
		r.Discard(1 << 20)
	}
	if len(r.buf) != minBuffer {
		t.Errorf("%d octets when quiet", len(r.buf))
	}
}

func TestReadHeadPartial(t *testing.T) {
	whole := AppendExtendedRequest(nil, 70000, "1.2.3.4", make([]byte, 300), nil)
	for n := range whole {
		h, ok, err := ReadHead(whole[:n])
		if err != nil || ok && (h.ID != 70000 || h.Op != ExtendedRequest || h.Size != len(whole)) {
			t.Fatalf("%d octets: %v %v %v", n, h, ok, err)
		}
		if ok != (n > 9) {
			t.Errorf("%d octets: ok is %v", n, ok)
		}
	}
}

func TestParseBind(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		want      Bind
		err       error
	}{
		{name: "anonymous", hex: "020103 0400 8000", want: Bind{Version: 3, Name: []byte{}, Auth: AuthSimple}},
		{name: "simple", hex: "020103 0403 636e3d 800178", want: Bind{Version: 3, Name: []byte("cn="), Auth: AuthSimple, HasPassword: true}},
		{name: "SASL", hex: "020103 0400 a307 0405 504c41494e", want: Bind{Version: 3, Name: []byte{}, Auth: AuthSASL, Mechanism: []byte("PLAIN")}},
		{name: "SASL with credentials", hex: "020103 0400 a30a 0405 504c41494e 0401 00", want: Bind{Version: 3, Name: []byte{}, Auth: AuthSASL, Mechanism: []byte("PLAIN")}},
		{name: "Sicily", hex: "020103 0400 8900", want: Bind{Version: 3, Name: []byte{}, Auth: 0x89}},
		{name: "a second choice behind", hex: "020103 0400 8000 800178", err: ErrTrailing},
		{name: "three parts of SASL", hex: "020103 0400 a306 0400 0400 0400", err: ErrTrailing},
		{name: "no credentials", hex: "020103 0400", err: ErrIncomplete},
		{name: "version of five octets", hex: "0205 0000000003 0400 8000", err: ErrLength},
		{name: "name is no string", hex: "020103 0c00 8000", err: ErrTag},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := ParseBind(unhex(t, c.hex))
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if b.Version != c.want.Version || !bytes.Equal(b.Name, c.want.Name) || b.Auth != c.want.Auth ||
				b.HasPassword != c.want.HasPassword || !bytes.Equal(b.Mechanism, c.want.Mechanism) {
				t.Errorf("got %+v", b)
			}
		})
	}
}

func TestParseExtended(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		value     []byte
		err       error
	}{
		{name: "no value", hex: "8003 312e32"},
		{name: "empty value", hex: "8003 312e32 8100", value: []byte{}},
		{name: "value", hex: "8003 312e32 8102 abcd", value: []byte{0xab, 0xcd}},
		{name: "unknown component", hex: "8003 312e32 8201 00"},
		{name: "two values", hex: "8003 312e32 8100 8100", err: ErrTag},
		{name: "no name", hex: "8100", err: ErrTag},
		{name: "empty", hex: "", err: ErrIncomplete},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := ParseExtended(unhex(t, c.hex))
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err == nil && (string(e.Name) != "1.2" || (e.Value == nil) != (c.value == nil) || !bytes.Equal(e.Value, c.value)) {
				t.Errorf("got %q %x", e.Name, e.Value)
			}
		})
	}
}

func TestParseControls(t *testing.T) {
	var encoded []byte
	encoded = AppendControl(encoded, "1.2", true, []byte("v"))
	encoded = AppendControl(encoded, "1.3", false, nil)
	encoded = AppendControl(encoded, "1.4", false, []byte{})
	var got []Control
	if err := EachControl(encoded, func(c Control) bool { got = append(got, c); return true }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || !got[0].Critical || string(got[0].Value) != "v" || got[1].Value != nil || got[2].Value == nil || string(got[2].OID) != "1.4" {
		t.Errorf("got %+v", got)
	}
	for _, bad := range []string{"3000", "3003 020101", "3006 0400 0400 0400", "3005 0400 0102 0000", "3102 0400", "3004 0400 0100"} {
		if err := EachControl(unhex(t, bad), func(Control) bool { return true }); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestParseAbandonAndCancel(t *testing.T) {
	if id, err := ParseAbandon([]byte{0x01, 0x00}); err != nil || id != 256 {
		t.Errorf("%d, %v", id, err)
	}
	if _, err := ParseAbandon([]byte{0xff}); !errors.Is(err, ErrID) {
		t.Errorf("negative: %v", err)
	}
	if id, err := ParseCancel(unhex(t, "3003 020105")); err != nil || id != 5 {
		t.Errorf("%d, %v", id, err)
	}
	for _, bad := range []string{"", "3000", "3003 020105 00", "3003 0a0105"} {
		if _, err := ParseCancel(unhex(t, bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestParseSearch(t *testing.T) {
	m, err := Scan(AppendBaseSearch(nil, 9, "dc=example", nil, "cn", "+"), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSearch(m.Body)
	if err != nil || string(s.Base) != "dc=example" || s.Scope != 0 || s.TypesOnly || string(s.Filter) != "\x87\x0bobjectClass" {
		t.Fatalf("%+v, %v", s, err)
	}
	var names []string
	if err := EachString(s.Attributes, func(n []byte) bool { names = append(names, string(n)); return true }); err != nil || strings.Join(names, " ") != "cn +" {
		t.Errorf("attributes %q, %v", names, err)
	}
	for n := range m.Body {
		if _, err := ParseSearch(m.Body[:n]); err == nil {
			t.Errorf("%d octets: no error", n)
		}
	}
}

// TestAppendResponses has go-ldap's decoder judge the encoders.

// AppendSearch writes what ParseSearch reads.
func TestAppendSearch(t *testing.T) {
	var attributes []byte
	for _, a := range []string{"cn", "+"} {
		attributes = AppendElement(attributes, 0x04, a)
	}
	for name, want := range map[string]Search{
		"least": {Filter: []byte("\x87\x0bobjectClass")},
		"most": {
			Base: bytes.Repeat([]byte("x"), 300), Scope: 2, DerefAliases: 3, SizeLimit: 1000, TimeLimit: 1<<31 - 1, TypesOnly: true,
			Filter: []byte("\xa2\x04\x87\x02cn"), Attributes: attributes,
		},
	} {
		for _, controls := range [][]byte{nil, AppendControl(nil, "1.2", true, []byte("x"))} {
			m, err := Scan(AppendSearch(nil, 1000, want, controls), Limits{})
			if err != nil || m.ID != 1000 || m.Op != SearchRequest || !bytes.Equal(m.Controls, controls) {
				t.Fatalf("%s: %+v, %v", name, m, err)
			}
			got, err := ParseSearch(m.Body)
			if err != nil || !bytes.Equal(got.Base, want.Base) || got.Scope != want.Scope || got.DerefAliases != want.DerefAliases ||
				got.SizeLimit != want.SizeLimit || got.TimeLimit != want.TimeLimit || got.TypesOnly != want.TypesOnly ||
				!bytes.Equal(got.Filter, want.Filter) || !bytes.Equal(got.Attributes, want.Attributes) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
	}
	if got, want := AppendSearch(nil, 7, Search{Base: []byte("dc=x"), Filter: []byte("\x87\x0bobjectClass"), Attributes: attributes}, nil),
		AppendBaseSearch(nil, 7, "dc=x", nil, "cn", "+"); !bytes.Equal(got, want) {
		t.Errorf("%x\n%x", got, want)
	}
}

func TestAppendAbandon(t *testing.T) {
	for _, other := range []int32{0, 127, 128, MaxID} {
		m, err := Scan(AppendAbandon(nil, MaxID, other), Limits{})
		if err != nil || m.ID != MaxID || m.Op != AbandonRequest {
			t.Fatalf("%+v, %v", m, err)
		}
		if got, err := ParseAbandon(m.Body); err != nil || got != other {
			t.Errorf("%d, %v; want %d", got, err, other)
		}
	}
}

func TestAppendResponses(t *testing.T) {
	decode := func(raw []byte) *ber.Packet {
		t.Helper()
		if _, err := Scan(raw, Limits{}); err != nil {
			t.Fatalf("%x: %v", raw, err)
		}
		p, err := ber.DecodePacketErr(raw)
		if err != nil {
			t.Fatalf("%x: %v", raw, err)
		}
		return p
	}
	p := decode(AppendResult(nil, 300, ModifyResponse, result.NoSuchObject, "dc=x", "gone"))
	err := ldap.GetLDAPError(p)
	var e *ldap.Error
	if !errors.As(err, &e) || e.ResultCode != 32 || e.MatchedDN != "dc=x" || e.Err.Error() != "gone" || p.Children[0].Value.(int64) != 300 {
		t.Errorf("got %v", err)
	}

	p = decode(AppendNotice(nil, result.Unavailable, "bye"))
	if got := p.Children[1].Children[3].Data.String(); got != NoticeOfDisconnectionOID {
		t.Errorf("the notice is named %q", got)
	}

	entry := AppendSearchEntry(nil, 1, "cn=a", []Attribute{{"cn", [][]byte{[]byte("a"), bytes.Repeat([]byte("b"), 70000)}}, {"sn", nil}})
	p = decode(entry)
	if got := len(p.Children[1].Children[1].Children[0].Children[1].Children[1].Data.Bytes()); got != 70000 {
		t.Errorf("a value of %d octets", got)
	}
	m, _ := Scan(entry, Limits{})
	got, err := ParseEntry(m.Body)
	if err != nil || string(got.DN) != "cn=a" {
		t.Fatalf("%+v, %v", got, err)
	}
	n := 0
	if err := EachAttribute(got.Attributes, func(name, values, raw []byte) bool { n++; return true }); err != nil || n != 2 {
		t.Errorf("%d attributes, %v", n, err)
	}
}

func TestExtendedResponseRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		octets := rapid.SliceOfN(rapid.Byte(), 0, 300)
		want := ExtendedResult{
			Code:      result.Code(rapid.IntRange(0, 1<<20).Draw(t, "code")),
			MatchedDN: string(octets.Draw(t, "matched")),
			Text:      string(octets.Draw(t, "text")),
			Name:      string(octets.Draw(t, "name")),
		}
		if rapid.Bool().Draw(t, "has value") {
			want.Value = octets.Draw(t, "value")
		}
		id := rapid.Int32Range(0, MaxID).Draw(t, "id")
		m, err := Scan(AppendExtendedResponse(nil, id, want), Limits{})
		if err != nil || m.ID != id || m.Op != ExtendedResponse {
			t.Fatalf("%+v, %v", m, err)
		}
		r, err := ParseResult(m.Body)
		if err != nil || r.Code != want.Code || string(r.MatchedDN) != want.MatchedDN || string(r.Text) != want.Text ||
			string(r.Name) != want.Name || !bytes.Equal(r.Value, want.Value) || (r.Value == nil) != (want.Value == nil) {
			t.Fatalf("%+v, %v; want %+v", r, err, want)
		}
	})
}

func TestOps(t *testing.T) {
	for op := range 256 {
		op := byte(op)
		name := OpName(op)
		response, ok := ResponseTo(op)
		if ok && (!IsRequest(op) || !IsFinal(response) || OpName(response) == "unknown") {
			t.Errorf("%s is answered by %s", name, OpName(response))
		}
		known := IsRequest(op) || IsFinal(op) || op == SearchResultEntry || op == SearchResultReference || op == IntermediateResponse
		if known == (name == "unknown") {
			t.Errorf("%#x has the name %q", op, name)
		}
		if IsRequest(op) && !ok && op != UnbindRequest && op != AbandonRequest {
			t.Errorf("%s has no response", name)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add(unhex(f, "30 05 020101 4200"))
	f.Add(unhex(f, "30 84 0000000e 02 82 0001 05 42 84 00000000 a0 81 00"))
	f.Add(AppendBaseSearch(nil, 1, "dc=example", AppendControl(nil, "1.2", true, []byte("x")), "cn"))
	f.Add(AppendExtendedResponse(nil, 7, ExtendedResult{Code: 1, Text: "x", Name: "1.2", Value: []byte("v")}))
	f.Add(AppendSearchEntry(nil, 7, "cn=a", []Attribute{{"cn", [][]byte{[]byte("a")}}}))
	f.Add(AppendMessage(nil, 3, BindRequest, unhex(f, "020103 0400 a307 0405 504c41494e"), nil))
	for _, flow := range recorded(f) {
		r := NewReader(bytes.NewReader(flow), Limits{})
		for {
			m, err := r.Next()
			if err != nil {
				break // the end, or what is TLS from here on
			}
			f.Add(bytes.Clone(m.Raw))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Scan(raw, Limits{MaxSize: 1 << 16})
		if err != nil {
			var e Error
			if !errors.As(err, &e) || m.Raw != nil {
				t.Fatalf("%v with %+v", err, m)
			}
		} else {
			if m.ID < 0 || !bytes.Equal(m.Raw, raw) {
				t.Fatalf("%+v", m)
			}
			h, ok, err := ReadHead(raw)
			if err != nil || !ok || h != (Head{m.ID, m.Op, len(raw)}) {
				t.Fatalf("head %+v %v %v of %+v", h, ok, err, m)
			}
			// What was taken can be encoded again to the same meaning.
			again, err := Scan(AppendMessage(nil, m.ID, m.Op, m.Body, m.Controls), Limits{})
			if err != nil || again.ID != m.ID || again.Op != m.Op || !bytes.Equal(again.Body, m.Body) || !bytes.Equal(again.Controls, m.Controls) {
				t.Fatalf("%+v became %+v, %v", m, again, err)
			}
		}
		for _, b := range [][]byte{raw, m.Body} {
			_, _, _ = ReadHead(b)
			_, _, _ = Size(b, Limits{})
			_, _ = ParseBind(b)
			_, _ = ParseExtended(b)
			_, _ = ParseAbandon(b)
			_, _ = ParseCancel(b)
			_, _ = ParseSearch(b)
			_, _ = ParseResult(b)
			if e, err := ParseEntry(b); err == nil {
				_ = EachAttribute(e.Attributes, func(_, values, _ []byte) bool {
					return EachString(values, func([]byte) bool { return true }) == nil
				})
			}
			_ = EachControl(b, func(Control) bool { return true })
		}
		_ = EachControl(m.Controls, func(Control) bool { return true })
	})
}

// recorded returns what real clients and directories said.
func recorded(f *testing.F) [][]byte {
	f.Helper()
	all, err := transparency.LoadTranscripts(os.DirFS("../../testenv/transparency/testdata/transcripts"))
	if err != nil {
		f.Fatal(err)
	}
	var flows [][]byte
	for _, tr := range all {
		for _, flow := range tr.Flows {
			flows = append(flows, flow.Octets)
		}
	}
	return flows
}

func FuzzReader(f *testing.F) {
	f.Add(AppendExtendedRequest(nil, 1, "1.2", nil, nil), 3)
	for i, flow := range recorded(f) {
		f.Add(flow, i)
	}
	f.Fuzz(func(t *testing.T, stream []byte, chunk int) {
		r := NewReader(&chunked{stream, max(1, chunk&0xff)}, Limits{MaxSize: 1 << 12})
		var got []byte
		for {
			m, err := r.Next()
			if err != nil {
				break
			}
			got = append(got, m.Raw...)
			if len(r.buf) > fullBuffer {
				t.Fatalf("the buffer has grown to %d", len(r.buf))
			}
		}
		if !bytes.HasPrefix(stream, got) {
			t.Fatal("the messages are not what was sent")
		}
	})
}

type chunked struct {
	rest []byte
	n    int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest[:min(c.n, len(c.rest))])
	c.rest = c.rest[n:]
	return n, nil
}

func BenchmarkScan(b *testing.B) {
	for name, raw := range map[string][]byte{
		"extended": AppendExtendedRequest(nil, 1000, "1.3.6.1.4.1.30221.2.6.62", make([]byte, 60), nil),
		"search":   AppendBaseSearch(nil, 1000, "uid=user000,ou=people,dc=example,dc=com", nil, "cn", "mail"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Scan(raw, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
