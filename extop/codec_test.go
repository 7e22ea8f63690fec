package extop

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// codecVectors runs the vectors of a kind through a codec: decode puts a
// value into the shape of the vectors' JSON, encode writes it again. accepted
// names rejected vectors that are accepted after all.
func codecVectors[T any](t *testing.T, kind string, decode func([]byte) (T, error), view func(T) any, encode func(T) []byte, accepted ...string) {
	t.Helper()
	for _, v := range loadVectors(t, kind) {
		t.Run(v.Name, func(t *testing.T) {
			got, err := decode(v.bytes(t))
			if v.Verdict == "rejected" {
				for _, name := range accepted {
					if v.Name == name {
						if err != nil {
							t.Fatal(err)
						}
						return
					}
				}
				wantCode(t, err, result.ProtocolError)
				return
			}
			if v.Verdict == "lax" && err != nil {
				wantCode(t, err, result.ProtocolError)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, v.Decoded, view(got))
			want, _ := v.canonical(t)
			if b := encode(got); !bytes.Equal(b, want) {
				t.Errorf("encoded %x, want %x", b, want)
			} else if cap(b) != len(b) {
				t.Errorf("the buffer has %d octets for %d", cap(b), len(b))
			}
		})
	}
}

// sameJSON compares as JSON what a vector records with what was decoded.
func sameJSON(t *testing.T, want json.RawMessage, got any) {
	t.Helper()
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var w, g any
	for _, x := range []struct {
		from []byte
		to   *any
	}{{want, &w}, {data, &g}} {
		d := json.NewDecoder(bytes.NewReader(x.from))
		d.UseNumber()
		if err := d.Decode(x.to); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type obj = map[string]any

func textOrNil(b []byte) any {
	if b == nil || !utf8.Valid(b) {
		return nil
	}
	return string(b)
}

func passwordModifyView(r PasswordModifyRequest) any {
	return obj{"userIdentity": r.UserIdentity, "oldPassword": textOrNil(r.OldPassword.Bytes()), "newPassword": textOrNil(r.NewPassword.Bytes())}
}

func requirementView(p PasswordRequirement) any {
	o := obj{"description": p.Description, "clientSideValidationType": nil, "clientSideValidationProperties": []any{}}
	if v := p.Validation; v != nil {
		o["clientSideValidationType"] = v.Type
		properties := []any{}
		for _, q := range v.Properties {
			properties = append(properties, obj{"name": q.Name, "value": q.Value})
		}
		o["clientSideValidationProperties"] = properties
	}
	return o
}

func qualityRequestView(r PasswordQualityRequest) any {
	o := obj{"targetDN": nil, "targetType": [...]string{"addWithDefaultPasswordPolicy", "addWithSpecifiedPasswordPolicy",
		"selfChangeForAuthorizationIdentity", "selfChangeForSpecifiedUser", "administrativeResetForSpecifiedUser"}[r.Use]}
	if r.Use.hasDN() {
		o["targetDN"] = r.DN
	}
	return o
}

func qualityResultView(r *PasswordQualityResult) any {
	requirements := []any{}
	for _, p := range r.Requirements {
		requirements = append(requirements, requirementView(p))
	}
	return obj{"requirements": requirements, "currentPasswordRequired": r.CurrentPasswordRequired,
		"mustChangePassword": r.MustChange, "secondsUntilExpiration": r.SecondsUntilExpiration}
}

func validationDetailsView(d *PasswordValidationDetails) any {
	details := []any{}
	for _, r := range d.Results {
		details = append(details, obj{"passwordRequirement": requirementView(r.Requirement), "requirementSatisfied": r.Satisfied, "additionalInfo": r.Info})
	}
	return obj{"responseType": [...]string{"validationDetails", "noPasswordProvided", "multiplePasswordsProvided", "noValidationAttempted"}[d.Outcome],
		"validationDetails": details, "missingCurrentPassword": d.MissingCurrentPassword,
		"mustChangePassword": d.MustChange, "secondsUntilExpiration": d.SecondsUntilExpiration}
}

func responseControlView(c GeneratePasswordResponseControl) any {
	return obj{"generatedPassword": textOrNil(c.Password.Bytes()), "generatedPasswordHex": hex.EncodeToString(c.Password.Bytes()),
		"mustChangePassword": c.MustChange, "secondsUntilExpiration": c.SecondsUntilExpiration}
}

func TestPasswordModifyVectors(t *testing.T) {
	// RFC 3062 lets the value be absent; the recorded client always sends one.
	codecVectors(t, "passwordModifyRequestValue", DecodePasswordModifyRequest, passwordModifyView, PasswordModifyRequest.Encode, "pwm-req-bad-absent")
	codecVectors(t, "passwordModifyResultValue", DecodePasswordModifyResponse,
		func(r PasswordModifyResponse) any { return obj{"generatedPassword": textOrNil(r.Generated.Bytes())} }, PasswordModifyResponse.Encode)
}

func TestGeneratePasswordResponseControlVectors(t *testing.T) {
	codecVectors(t, "generatePasswordResponseControlValue", DecodeGeneratePasswordResponseControl, responseControlView, GeneratePasswordResponseControl.Encode)
}

func TestPasswordQualityVectors(t *testing.T) {
	codecVectors(t, "passwordQualityRequestValue", DecodePasswordQualityRequest, qualityRequestView, PasswordQualityRequest.Encode)
	codecVectors(t, "passwordQualityResultValue", DecodePasswordQualityResult, qualityResultView, (*PasswordQualityResult).Encode)
}

func TestPasswordValidationDetailsVectors(t *testing.T) {
	codecVectors(t, "passwordValidationDetailsResponseControlValue", DecodePasswordValidationDetails, validationDetailsView, (*PasswordValidationDetails).Encode)
	v := loadVectors(t, "passwordValidationDetailsRequestControl")[0]
	c := parseControl(t, ber.DecodePacket(v.bytes(t)))
	if c.OID != PasswordValidationDetailsRequestControlOID || c.Value != nil {
		t.Errorf("control %+v", c)
	}
}

func TestGeneratePasswordRequestControlVectors(t *testing.T) {
	for _, v := range loadVectors(t, "generatePasswordRequestControl") {
		found, err := FindGeneratePasswordControl([]Control{{OID: "1.2.3.4", Value: []byte("x")}, parseControl(t, ber.DecodePacket(v.bytes(t)))})
		if v.Verdict == "rejected" {
			wantCode(t, err, result.ProtocolError)
		} else if err != nil || !found {
			t.Errorf("%s: %v %v", v.Name, found, err)
		}
	}
	c := Control{OID: GeneratePasswordRequestControlOID}
	_, err := FindGeneratePasswordControl([]Control{c, c})
	wantCode(t, err, result.ProtocolError)
	if found, err := FindGeneratePasswordControl(nil); found || err != nil {
		t.Error(found, err)
	}
}

// The messages hold the same values in an envelope: what the envelope says is
// checked against the values that the codecs give.
func TestMessageVectors(t *testing.T) {
	type view func(t *testing.T, m message, decoded obj) (got, want any)
	request := func(oid string, decode func([]byte) (any, error)) view {
		return func(t *testing.T, m message, decoded obj) (any, any) {
			got, err := decode(m.value)
			if err != nil || m.name != oid {
				t.Fatalf("%s: %v", m.name, err)
			}
			return got, decoded["request"]
		}
	}
	tests := map[string]view{
		"passwordModifyRequestMessage": request(PasswordModifyOID, func(b []byte) (any, error) {
			r, err := DecodePasswordModifyRequest(b)
			return passwordModifyView(r), err
		}),
		"passwordModifyResponseMessage": func(t *testing.T, m message, decoded obj) (any, any) {
			r, err := DecodePasswordModifyResponse(m.value)
			if err != nil || m.name != "" {
				t.Fatal(err)
			}
			return textOrNil(r.Generated.Bytes()), decoded["generatedPassword"]
		},
		"passwordQualityRequestMessage": request(PasswordQualityRequestOID, func(b []byte) (any, error) {
			r, err := DecodePasswordQualityRequest(b)
			return qualityRequestView(r), err
		}),
		"passwordQualityResponseMessage": func(t *testing.T, m message, decoded obj) (any, any) {
			if decoded["result"] == nil {
				return m.value, nil
			}
			r, err := DecodePasswordQualityResult(m.value)
			if err != nil {
				t.Fatal(err)
			}
			return qualityResultView(r), decoded["result"]
		},
		"addResponseMessage": func(t *testing.T, m message, decoded obj) (any, any) {
			var got any
			for _, c := range m.controls {
				if c.OID == GeneratePasswordResponseControlOID {
					r, err := DecodeGeneratePasswordResponseControl(c.Value)
					if decoded == nil {
						wantCode(t, err, result.ProtocolError)
						return nil, nil
					}
					if err != nil {
						t.Fatal(err)
					}
					got = responseControlView(r)
				}
			}
			return got, decoded["generatePassword"]
		},
	}
	for kind, f := range tests {
		for _, v := range loadVectors(t, kind) {
			t.Run(v.Name, func(t *testing.T) {
				var decoded obj
				if v.Decoded != nil {
					v.decoded(t, &decoded)
				}
				got, want := f(t, parseMessage(t, v.bytes(t)), decoded)
				if b, ok := got.([]byte); ok && b == nil {
					got = nil
				}
				data, err := json.Marshal(want)
				if err != nil {
					t.Fatal(err)
				}
				sameJSON(t, data, got)
			})
		}
	}
}

func TestJSONControlVectors(t *testing.T) {
	refused := 0
	for _, v := range loadVectors(t, "jsonControl") {
		t.Run(v.Name, func(t *testing.T) {
			j := JSONControls{Response: !v.RequestControl, Strict: v.Strict}
			got, err := j.Decode([]byte(v.JSON))
			if v.Verdict == "rejected" || v.Verdict == "lax" && err != nil {
				wantCode(t, err, result.ProtocolError)
				refused++
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := parseControl(t, ber.DecodePacket(v.bytes(t))); !reflect.DeepEqual(got, want) {
				t.Fatalf("decoded %+v, want %+v", got, want)
			}
			var decoded struct {
				JSONAgain string `json:"jsonAgain"`
				OID       string `json:"oid"`
				Critical  bool   `json:"criticality"`
				ValueHex  *string
			}
			v.decoded(t, &decoded)
			again, err := j.Encode(got)
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, []byte(decoded.JSONAgain), again)
		})
	}
	if refused < 11 {
		t.Errorf("%d refused, want at least 11", refused)
	}
}

func TestJSONControlRefuses(t *testing.T) {
	for _, s := range []string{
		``, `[]`, `null`, `{`, `{"oid":"1.2.3","criticality":true} x`, "{\"oid\":\"\xff\",\"criticality\":true}",
		`{"oid":"1.2.3","oid":"1.2.4","criticality":true}`,
		`{"oid":"1.2.3","criticality":true,"value-base64":"!"}`,
		`{"oid":"1.2.3","criticality":true,"value-base64":1}`,
		`{"oid":"1.2.3","criticality":null}`,
		`{"oid":null,"criticality":true}`,
		`{"oid":"2.16.840.1.113730.3.4.18","criticality":true}`,
		`{"oid":"1.3.6.1.4.1.30221.2.5.64","criticality":true,"value-json":{"controls":[]}}`,
		`{"oid":"1.3.6.1.4.1.30221.2.5.64","criticality":true,"value-json":{"controls":[{"oid":"1.3.6.1.4.1.30221.2.5.64","criticality":true}]}}`,
	} {
		_, err := JSONControls{}.Decode([]byte(s))
		wantCode(t, err, result.ProtocolError)
	}
	_, err := JSONControls{Strict: true}.Decode([]byte(`{"oid":"1.2.3","criticality":true,"x":1}`))
	if e := wantCode(t, err, result.ProtocolError); !strings.Contains(e.Text, `"x"`) {
		t.Errorf("the field is not named: %s", e.Text)
	}
	for _, s := range []string{"1e400", "9007199254740993.5", "null", `"1"`, "9223372036854775808"} {
		_, err := JSONControls{Response: true}.Decode([]byte(`{"oid":"1.3.6.1.4.1.30221.2.5.59","criticality":false,"value-json":{"generated-password":"x","must-change-password":true,"seconds-until-expiration":` + s + `}}`))
		wantCode(t, err, result.ProtocolError)
	}
}

func TestJSONValidationDetailsRefuses(t *testing.T) {
	const tail = `,"missing-current-password":false,"must-change-password":false}`
	decode := func(value string) error {
		_, err := JSONControls{Response: true, Strict: true}.Decode([]byte(`{"oid":"1.3.6.1.4.1.30221.2.5.41","criticality":false,"value-json":` + value + `}`))
		return err
	}
	detail := func(s string) string {
		return `{"response-type":"validation-performed","validation-details":[` + s + `]` + tail
	}
	if err := decode(detail(`{"password-quality-requirement":{"description":"d"},"requirement-satisfied":true}`)); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		`{"response-type":"validationDetails"` + tail,
		`{"response-type":3` + tail,
		`{"response-type":"no-password-provided"}`,
		`{"response-type":"no-password-provided","validation-details":[]` + tail,
		`{"response-type":"no-password-provided","seconds-until-expiration":2147483648` + tail,
		`{"response-type":"no-password-provided","x":1` + tail,
		`{"response-type":"validation-performed","validation-details":{}` + tail,
		detail(`1`),
		detail(`{}`),
		detail(`{"password-quality-requirement":{},"requirement-satisfied":true}`),
		detail(`{"password-quality-requirement":{"description":"d"}}`),
		detail(`{"password-quality-requirement":{"description":"d"},"requirement-satisfied":true,"additional-information":1}`),
		detail(`{"password-quality-requirement":{"description":"d"},"requirement-satisfied":true,"x":1}`),
		detail(`{"password-quality-requirement":{"description":"d","x":1},"requirement-satisfied":true}`),
		detail(`{"password-quality-requirement":{"description":"d","client-side-validation-type":1},"requirement-satisfied":true}`),
		detail(`{"password-quality-requirement":{"description":"d","client-side-validation-properties":[]},"requirement-satisfied":true}`),
		detail(`{"password-quality-requirement":{"description":"d","client-side-validation-type":"t","client-side-validation-properties":1},"requirement-satisfied":true}`),
		detail(`{"password-quality-requirement":{"description":"d","client-side-validation-type":"t","client-side-validation-properties":[{"name":"n"}]},"requirement-satisfied":true}`),
		detail(`{"password-quality-requirement":{"description":"d","client-side-validation-type":"t","client-side-validation-properties":[{"name":"n","value":"v","x":1}]},"requirement-satisfied":true}`),
	} {
		wantCode(t, decode(s), result.ProtocolError)
	}
}

// A value that its JSON form cannot say is written as base64, and read back.
func TestJSONControlsFallBack(t *testing.T) {
	for _, c := range []Control{
		{OID: PasswordPolicyControlOID, Value: unhex(t, "3003810102")},
		{OID: GeneratePasswordResponseControlOID, Value: unhex(t, "300804030000ff0101ff")},
		{OID: JSONFormattedResponseControlOID, Value: []byte(`{"controls":[{"oid":"1.2.3","criticality":false}]}`)},
		{OID: PasswordValidationDetailsResponseControlOID, Value: unhex(t, "30028100")},
	} {
		j := JSONControls{Response: true, Strict: true}
		data, err := j.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := j.Decode(data)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%s: %+v became %+v (%v)", data, c, got, err)
		}
	}
}

func TestJSONControlsFormatted(t *testing.T) {
	controls := []Control{
		{OID: "1.2.3.4", Critical: true, Value: []byte{0, 1}},
		{OID: ProxiedAuthorizationOID, Critical: true, Value: []byte("u:<jo> & co")},
		{OID: ProxiedAuthorizationOID, Critical: true, Value: []byte{0xFF}},
	}
	data, err := JSONControls{Strict: true}.EncodeFormatted(controls)
	if err != nil {
		t.Fatal(err)
	}
	got, err := JSONControls{Strict: true}.DecodeFormatted(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(controls, got); diff != "" {
		t.Error(diff)
	}
	if !bytes.Contains(data, []byte(`<jo> & co`)) {
		t.Errorf("escaped for HTML: %s", data)
	}
}

func TestWhoAmI(t *testing.T) {
	if err := DecodeWhoAmIRequest(nil); err != nil {
		t.Error(err)
	}
	wantCode(t, DecodeWhoAmIRequest([]byte{}), result.ProtocolError)
	if b := EncodeWhoAmIResponse(""); b == nil || len(b) != 0 {
		t.Errorf("anonymous is %v", b)
	}
	if b := EncodeWhoAmIResponse("u:jo"); string(b) != "u:jo" {
		t.Errorf("%q", b)
	}
}

func TestCancel(t *testing.T) {
	// What ldapsearch and others send for "cancel operation 5".
	got, err := DecodeCancelRequest(unhex(t, "3003020105"))
	if err != nil || got.ID != 5 {
		t.Fatal(got, err)
	}
	for _, id := range []int32{0, 1, 127, 128, 65536, math.MaxInt32} {
		if got, err := DecodeCancelRequest(CancelRequest{ID: id}.Encode()); err != nil || got.ID != id {
			t.Errorf("%d became %d (%v)", id, got.ID, err)
		}
	}
	for _, s := range []string{"", "30", "3000", "30030201ff", "300302010500", "300602010502010", "30050203000001", "3003040105", "300702050080000000"} {
		if len(s)%2 == 1 {
			s += "6"
		}
		_, err := DecodeCancelRequest(unhex(t, s))
		wantCode(t, err, result.ProtocolError)
	}
	_, err = DecodeCancelRequest(nil)
	wantCode(t, err, result.ProtocolError)
}

// What the encoders write, asn1-ber reads, with the same numbers in it.
func TestBERAgreesWithASN1BER(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.Int64().Draw(rt, "integer")
		s := rapid.SliceOfN(rapid.Byte(), 0, 70_000).Draw(rt, "string")
		size := 2 + integerLen(n) + sizeOf(len(s))
		b := appendHeader(nil, tagSequence, size)
		b = appendInteger(b, tagInteger, n)
		b = appendString(b, tagOctetString, s)
		if len(b) != sizeOf(size) {
			rt.Fatalf("%d octets, computed %d", len(b), sizeOf(size))
		}
		p, err := ber.DecodePacketErr(b)
		if err != nil {
			rt.Fatal(err)
		}
		if p.Children[0].Value.(int64) != n || !bytes.Equal(p.Children[1].Data.Bytes(), s) {
			rt.Fatal("asn1-ber reads something else")
		}
		if !bytes.Equal(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, n, "").Bytes(), appendInteger(nil, tagInteger, n)) {
			rt.Fatal("asn1-ber writes another integer")
		}
		e, err := sequence(b)
		if err != nil {
			rt.Fatal(err)
		}
		content, err := e.want(tagInteger)
		if err != nil {
			rt.Fatal(err)
		}
		if got, err := integer(content, 8); err != nil || got != n {
			rt.Fatal(got, err)
		}
	})
}

func TestRequirementDuplicateProperty(t *testing.T) {
	p := PasswordRequirement{Description: "d", Validation: &ClientSideValidation{Type: "t", Properties: []rule.Property{
		{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "a", Value: "3"}}}}
	var got PasswordRequirement
	e := elements(p.append(nil))
	content, err := e.want(tagSequence)
	if err == nil {
		err = got.decode(content)
	}
	want := []rule.Property{{Name: "a", Value: "3"}, {Name: "b", Value: "2"}}
	if err != nil || !reflect.DeepEqual(got.Validation.Properties, want) {
		t.Errorf("%v %v", got, err)
	}
}

func TestRequirementRepeatedProperty(t *testing.T) {
	got := requirementOf(rule.Requirement{Text: "d", Type: "t", Properties: []rule.Property{
		{Name: "scheme", Value: "A"}, {Name: "unit", Value: "u"}, {Name: "scheme", Value: "B"}}})
	want := []rule.Property{{Name: "scheme-1", Value: "A"}, {Name: "unit", Value: "u"}, {Name: "scheme-2", Value: "B"}}
	if !reflect.DeepEqual(got.Validation.Properties, want) {
		t.Errorf("%v", got.Validation.Properties)
	}
	if got := requirementOf(rule.Requirement{Text: "d", Properties: want}); got.Validation != nil {
		t.Errorf("a requirement without a type is one that a client cannot check: %v", got.Validation)
	}
}

// fuzzCodec adds a fuzz target: what decodes, encodes to what decodes to the
// same; what does not is a protocolError.
func fuzzCodec[T any](f *testing.F, kinds []string, decode func([]byte) (T, error), encode func(T) []byte) {
	for _, kind := range kinds {
		for _, v := range loadVectors(f, kind) {
			f.Add(v.bytes(f))
		}
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		got, err := decode(value)
		if err != nil {
			wantCode(t, err, result.ProtocolError)
			return
		}
		encoded := encode(got)
		again, err := decode(encoded)
		if err != nil {
			t.Fatalf("%x, encoded from %x, is refused: %v", encoded, value, err)
		}
		if !bytes.Equal(encode(again), encoded) {
			t.Fatalf("%x encodes to %x", encoded, encode(again))
		}
		if !reflect.DeepEqual(got, again) {
			t.Fatalf("%+v became %+v", got, again)
		}
	})
}

func FuzzPasswordModifyRequest(f *testing.F) {
	fuzzCodec(f, []string{"passwordModifyRequestValue"}, DecodePasswordModifyRequest, PasswordModifyRequest.Encode)
}

func FuzzPasswordModifyResponse(f *testing.F) {
	fuzzCodec(f, []string{"passwordModifyResultValue"}, DecodePasswordModifyResponse, PasswordModifyResponse.Encode)
}

func FuzzGeneratePasswordResponseControl(f *testing.F) {
	fuzzCodec(f, []string{"generatePasswordResponseControlValue"}, DecodeGeneratePasswordResponseControl, GeneratePasswordResponseControl.Encode)
}

func FuzzPasswordQualityRequest(f *testing.F) {
	fuzzCodec(f, []string{"passwordQualityRequestValue"}, DecodePasswordQualityRequest, PasswordQualityRequest.Encode)
}

func FuzzPasswordQualityResult(f *testing.F) {
	fuzzCodec(f, []string{"passwordQualityResultValue"}, DecodePasswordQualityResult, (*PasswordQualityResult).Encode)
}

func FuzzPasswordValidationDetails(f *testing.F) {
	fuzzCodec(f, []string{"passwordValidationDetailsResponseControlValue"}, DecodePasswordValidationDetails, (*PasswordValidationDetails).Encode)
}

func FuzzCancel(f *testing.F) {
	f.Add(CancelRequest{ID: 5}.Encode())
	fuzzCodec(f, nil, DecodeCancelRequest, CancelRequest.Encode)
}

func FuzzAddRequest(f *testing.F) {
	for _, v := range loadVectors(f, "addRequestMessage") {
		f.Add(addOp(f, v.bytes(f)))
	}
	f.Fuzz(func(t *testing.T, op []byte) {
		a, err := ParseAddRequest(op)
		if err != nil {
			wantCode(t, err, result.ProtocolError)
			return
		}
		subject, had := a.Subject(), a.Has("userPassword")
		more, err := ParseAddRequest(a.WithAttribute("userPassword", []byte("x")))
		if err != nil || more.DN != a.DN || !more.Has("USERPASSWORD") {
			t.Fatalf("%+v: %v", more, err)
		}
		got := more.Subject()
		got.Attributes["userpassword"] = got.Attributes["userpassword"][:len(got.Attributes["userpassword"])-1]
		if !had {
			delete(got.Attributes, "userpassword")
		}
		for name, values := range got.Attributes {
			if len(values) == 0 {
				delete(got.Attributes, name)
			}
		}
		if diff := cmp.Diff(subject, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzJSONControl(f *testing.F) {
	for _, v := range loadVectors(f, "jsonControl") {
		f.Add([]byte(v.JSON), !v.RequestControl, v.Strict)
	}
	f.Fuzz(func(t *testing.T, data []byte, response, strict bool) {
		j := JSONControls{Response: response, Strict: strict}
		c, err := j.Decode(data)
		if err != nil {
			wantCode(t, err, result.ProtocolError)
			if c.OID != "" || c.Value != nil {
				t.Fatalf("%+v came with an error", c)
			}
			return
		}
		encoded, err := j.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := j.Decode(encoded)
		if err != nil {
			t.Fatalf("%s is refused: %v", encoded, err)
		}
		if c.OID != again.OID || c.Critical != again.Critical && c.OID != ProxiedAuthorizationOID || (c.Value == nil) != (again.Value == nil) {
			t.Fatalf("%+v became %+v", c, again)
		}
		// What was given as base64 or in another spelling has settled now.
		twice, err := j.Encode(again)
		if err != nil || c.OID != ProxiedAuthorizationOID && !bytes.Equal(encoded, twice) {
			t.Fatalf("%s became %s (%v)", encoded, twice, err)
		}
	})
}

func mustJSON(t *testing.T, v any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
