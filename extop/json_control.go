package extop

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// The OIDs of controls that are known here for their JSON form.
const (
	PasswordPolicyControlOID        = "1.3.6.1.4.1.42.2.27.8.5.1" // draft-behera-ldap-password-policy, both directions
	JSONFormattedRequestControlOID  = "1.3.6.1.4.1.30221.2.5.64"
	JSONFormattedResponseControlOID = "1.3.6.1.4.1.30221.2.5.65"
)

// JSONControls converts controls between their BER and their JSON form, as
// the _controls array of the PingDirectory REST API and the JSON-formatted
// control have it:
//
//	{ "oid": "...", "control-name": "...", "criticality": true,
//	  "value-base64": "..." | "value-json": {...} }
//
// The oid and the criticality are mandatory, the name is for people and not
// read. A control that is known has its value as value-json, any other has
// the octets of its value as value-base64; never both. Names are
// case-sensitive, and none may be given twice.
type JSONControls struct {
	// Response says that the controls go with a response: some OIDs stand
	// for one control in a request and for another in its response.
	Response bool
	// Strict refuses unknown fields, in the control and in its value.
	Strict bool
}

// A jsonForm is how the value of one control is written in JSON.
type jsonForm struct {
	name string
	// decode and encode convert the value. Both are nil for a control that
	// takes none. encode reports false for a value that has no JSON form.
	decode func(j JSONControls, value json.RawMessage) ([]byte, error)
	encode func(value []byte) (any, bool)
	// check judges a value that was given as value-base64.
	check    func(value []byte) error
	optional bool // the value may be absent
	critical bool // a request with value-json is always critical
}

// form returns the form of the control with an OID; false if it is not known.
func (j JSONControls) form(oid string) (jsonForm, bool) {
	switch {
	case oid == GeneratePasswordRequestControlOID && !j.Response:
		return jsonForm{name: "Generate Password Request Control"}, true
	case oid == PasswordValidationDetailsRequestControlOID && !j.Response:
		return jsonForm{name: "Password Validation Details Request Control"}, true
	case oid == PasswordPolicyControlOID && !j.Response:
		return jsonForm{name: "Password Policy Request Control"}, true
	case oid == PasswordPolicyControlOID:
		return jsonForm{
			name:   "Password Policy Response Control",
			decode: decodeJSONPasswordPolicy, encode: encodeJSONPasswordPolicy,
			check: func(value []byte) error { _, err := sequence(value); return err },
		}, true
	case oid == GeneratePasswordResponseControlOID && j.Response:
		return jsonForm{
			name:   "Generate Password Response Control",
			decode: decodeJSONGeneratedPassword, encode: encodeJSONGeneratedPassword,
			check: func(value []byte) error {
				c, err := DecodeGeneratePasswordResponseControl(value)
				c.Password.Wipe()
				return err
			},
		}, true
	case oid == PasswordValidationDetailsResponseControlOID && j.Response:
		return jsonForm{
			name:   "Password Validation Details Response Control",
			decode: decodeJSONValidationDetails, encode: encodeJSONValidationDetails,
			check: func(value []byte) error { _, err := DecodePasswordValidationDetails(value); return err },
		}, true
	case oid == ProxiedAuthorizationOID && !j.Response:
		return jsonForm{
			name:   "Proxied Authorization v2 Request Control",
			decode: decodeJSONProxied, encode: encodeJSONProxied, critical: true,
			check: func([]byte) error { return nil },
		}, true
	case oid == JSONFormattedRequestControlOID && !j.Response:
		return jsonForm{
			name:   "JSON-Formatted Request Control",
			decode: decodeJSONFormatted, encode: encodeJSONFormatted, optional: true,
			check: func(value []byte) error { _, err := j.DecodeFormatted(value); return err },
		}, true
	case oid == JSONFormattedResponseControlOID && j.Response:
		return jsonForm{
			name:   "JSON-Formatted Response Control",
			decode: decodeJSONFormatted, encode: encodeJSONFormatted,
			check: func(value []byte) error { _, err := j.DecodeFormatted(value); return err },
		}, true
	}
	return jsonForm{}, false
}

// Decode converts a control from its JSON form. Whatever is malformed is
// protocolError(2).
func (j JSONControls) Decode(data []byte) (Control, error) {
	c, err := j.decode(data)
	if err != nil {
		if e, ok := err.(*result.Error); ok {
			return Control{}, e
		}
		return Control{}, result.Wrap(err, result.ProtocolError, "malformed control: %v", err)
	}
	return c, nil
}

func malformed(format string, args ...any) error {
	return result.New(result.ProtocolError, "malformed control: "+format, args...)
}

func (j JSONControls) decode(data []byte) (Control, error) {
	o, err := parseJSONObject(data)
	if err != nil {
		return Control{}, err
	}
	var c Control
	if c.OID, err = o.string("oid"); err != nil {
		return Control{}, err
	}
	if c.Critical, err = o.bool("criticality"); err != nil {
		return Control{}, err
	}
	o.skip("control-name")
	inBase64, hasBase64 := o.take("value-base64")
	inJSON, hasJSON := o.take("value-json")
	if hasBase64 && hasJSON {
		return Control{}, malformed("%s has both value-base64 and value-json", c.OID)
	}
	if err := o.end(j.Strict); err != nil {
		return Control{}, err
	}
	form, known := j.form(c.OID)
	takesValue := !known || form.decode != nil
	switch {
	case (hasBase64 || hasJSON) && !takesValue:
		return Control{}, malformed("%s takes no value", c.OID)
	case hasJSON && !known:
		return Control{}, malformed("%s is not known: its value can only be given as value-base64", c.OID)
	case hasJSON:
		if c.Value, err = form.decode(j, inJSON); err != nil {
			return Control{}, err
		}
		c.Critical = c.Critical || form.critical
	case hasBase64:
		var s string
		if json.Unmarshal(inBase64, &s) != nil || !isJSONString(inBase64) {
			return Control{}, malformed("value-base64 must be a string")
		}
		if c.Value, err = base64.StdEncoding.Strict().DecodeString(s); err != nil {
			return Control{}, malformed("value-base64 is not base64")
		}
		if known {
			if err := form.check(c.Value); err != nil {
				return Control{}, err
			}
		}
	case known && takesValue && !form.optional:
		return Control{}, malformed("%s has no value", c.OID)
	}
	return c, nil
}

// Encode converts a control to its JSON form. A value that has no JSON form
// is written as value-base64.
func (j JSONControls) Encode(c Control) (json.RawMessage, error) {
	out := struct {
		OID         string  `json:"oid"`
		Name        string  `json:"control-name,omitempty"`
		Criticality bool    `json:"criticality"`
		Base64      *string `json:"value-base64,omitempty"`
		JSON        any     `json:"value-json,omitempty"`
	}{OID: c.OID, Criticality: c.Critical}
	form, known := j.form(c.OID)
	if known {
		out.Name = form.name
	}
	if c.Value != nil {
		ok := false
		if known && form.encode != nil {
			out.JSON, ok = form.encode(c.Value)
		}
		if !ok {
			s := base64.StdEncoding.EncodeToString(c.Value)
			out.JSON, out.Base64 = nil, &s
		}
	}
	return marshalJSON(out)
}

// marshalJSON is json.Marshal without the escapes that are for HTML.
func marshalJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, result.Wrap(err, result.Other, "a control cannot be written as JSON")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// DecodeFormatted decodes the value of a JSON-formatted control, which holds
// the controls proper:
//
//	{ "controls": [ {...}, ... ] }
func (j JSONControls) DecodeFormatted(value []byte) ([]Control, error) {
	o, err := parseJSONObject(value)
	if err != nil {
		return nil, err
	}
	raw, ok := o.take("controls")
	var list []json.RawMessage
	if !ok || json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil, malformed("controls must be an array that is not empty")
	}
	if err := o.end(j.Strict); err != nil {
		return nil, err
	}
	controls := make([]Control, len(list))
	for i, item := range list {
		c, err := j.Decode(item)
		if err != nil {
			return nil, err
		}
		if c.OID == JSONFormattedRequestControlOID || c.OID == JSONFormattedResponseControlOID {
			return nil, malformed("a JSON-formatted control cannot hold another")
		}
		controls[i] = c
	}
	return controls, nil
}

// EncodeFormatted is the converse of DecodeFormatted.
func (j JSONControls) EncodeFormatted(controls []Control) ([]byte, error) {
	out := struct {
		Controls []json.RawMessage `json:"controls"`
	}{make([]json.RawMessage, len(controls))}
	for i, c := range controls {
		var err error
		if out.Controls[i], err = j.Encode(c); err != nil {
			return nil, err
		}
	}
	return marshalJSON(out)
}

func decodeJSONFormatted(j JSONControls, value json.RawMessage) ([]byte, error) {
	if _, err := j.DecodeFormatted(value); err != nil {
		return nil, err
	}
	return bytes.Clone(value), nil
}

func encodeJSONFormatted(value []byte) (any, bool) {
	return json.RawMessage(value), json.Valid(value)
}

func decodeJSONProxied(j JSONControls, value json.RawMessage) ([]byte, error) {
	o, err := parseJSONObject(value)
	if err != nil {
		return nil, err
	}
	id, err := o.string("authorization-id")
	if err != nil {
		return nil, err
	}
	return append([]byte{}, id...), o.end(j.Strict)
}

func encodeJSONProxied(value []byte) (any, bool) {
	return map[string]string{"authorization-id": string(value)}, utf8.Valid(value)
}

// decodeJSONPasswordPolicy knows only the value without warning or error; any
// other is to be given as value-base64.
func decodeJSONPasswordPolicy(_ JSONControls, value json.RawMessage) ([]byte, error) {
	o, err := parseJSONObject(value)
	if err != nil {
		return nil, err
	}
	return []byte{tagSequence, 0}, o.end(true)
}

func encodeJSONPasswordPolicy(value []byte) (any, bool) {
	return struct{}{}, bytes.Equal(value, []byte{tagSequence, 0})
}

// A jsonGeneratedPassword is the value-json of a Generate Password response
// control.
type jsonGeneratedPassword struct {
	Password   string `json:"generated-password"`
	MustChange bool   `json:"must-change-password"`
	Seconds    *int64 `json:"seconds-until-expiration,omitempty"`
}

func decodeJSONGeneratedPassword(j JSONControls, value json.RawMessage) ([]byte, error) {
	o, err := parseJSONObject(value)
	if err != nil {
		return nil, err
	}
	var c GeneratePasswordResponseControl
	password, err := o.string("generated-password")
	if err != nil {
		return nil, err
	}
	c.Password = policy.NewPassword([]byte(password))
	defer c.Password.Wipe()
	if c.MustChange, err = o.bool("must-change-password"); err != nil {
		return nil, err
	}
	if c.SecondsUntilExpiration, err = o.optionalInt("seconds-until-expiration", math.MaxInt64); err != nil {
		return nil, err
	}
	if err := o.end(j.Strict); err != nil {
		return nil, err
	}
	return c.Encode(), nil
}

func encodeJSONGeneratedPassword(value []byte) (any, bool) {
	c, err := DecodeGeneratePasswordResponseControl(value)
	if err != nil || !utf8.Valid(c.Password.Bytes()) {
		return nil, false
	}
	defer c.Password.Wipe()
	return jsonGeneratedPassword{string(c.Password.Bytes()), c.MustChange, c.SecondsUntilExpiration}, true
}

// The JSON of a Password Validation Details response control. The first
// alternative has another name than in the BER form.
type (
	jsonValidationDetails struct {
		Type       string                  `json:"response-type"`
		Details    []jsonRequirementResult `json:"validation-details,omitempty"`
		Missing    bool                    `json:"missing-current-password"`
		MustChange bool                    `json:"must-change-password"`
		Seconds    *int64                  `json:"seconds-until-expiration,omitempty"`
	}
	jsonRequirementResult struct {
		Requirement jsonRequirement `json:"password-quality-requirement"`
		Satisfied   bool            `json:"requirement-satisfied"`
		Info        *string         `json:"additional-information,omitempty"`
	}
	jsonRequirement struct {
		Description string         `json:"description"`
		Type        *string        `json:"client-side-validation-type,omitempty"`
		Properties  []jsonProperty `json:"client-side-validation-properties,omitempty"`
	}
	jsonProperty struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
)

// responseTypes are the names of the ValidationOutcomes.
func responseTypes() [4]string {
	return [...]string{
		ValidationPerformed:       "validation-performed",
		NoPasswordProvided:        "no-password-provided",
		MultiplePasswordsProvided: "multiple-passwords-provided",
		NoValidationAttempted:     "no-validation-attempted",
	}
}

func decodeJSONValidationDetails(j JSONControls, value json.RawMessage) ([]byte, error) {
	o, err := parseJSONObject(value)
	if err != nil {
		return nil, err
	}
	name, err := o.string("response-type")
	if err != nil {
		return nil, err
	}
	var d PasswordValidationDetails
	found := false
	for i, s := range responseTypes() {
		if s == name {
			d.Outcome, found = ValidationOutcome(i), true
		}
	}
	if !found {
		return nil, malformed("no such response-type")
	}
	if raw, ok := o.take("validation-details"); ok {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil || d.Outcome != ValidationPerformed {
			return nil, malformed("validation-details must be an array, and only of validation-performed")
		}
		for _, item := range list {
			r, err := j.decodeRequirementResult(item)
			if err != nil {
				return nil, err
			}
			d.Results = append(d.Results, r)
		}
	}
	if d.MissingCurrentPassword, err = o.bool("missing-current-password"); err != nil {
		return nil, err
	}
	if d.MustChange, err = o.bool("must-change-password"); err != nil {
		return nil, err
	}
	if d.SecondsUntilExpiration, err = o.optionalInt("seconds-until-expiration", math.MaxInt32); err != nil {
		return nil, err
	}
	if err := o.end(j.Strict); err != nil {
		return nil, err
	}
	return d.Encode(), nil
}

func (j JSONControls) decodeRequirementResult(data json.RawMessage) (r RequirementResult, err error) {
	o, err := parseJSONObject(data)
	if err != nil {
		return r, err
	}
	raw, _ := o.take("password-quality-requirement")
	if r.Requirement, err = j.decodeRequirement(raw); err != nil {
		return r, err
	}
	if r.Satisfied, err = o.bool("requirement-satisfied"); err != nil {
		return r, err
	}
	if r.Info, err = o.optionalString("additional-information"); err != nil {
		return r, err
	}
	return r, o.end(j.Strict)
}

func (j JSONControls) decodeRequirement(data json.RawMessage) (p PasswordRequirement, err error) {
	o, err := parseJSONObject(data)
	if err != nil {
		return p, err
	}
	if p.Description, err = o.string("description"); err != nil {
		return p, err
	}
	kind, err := o.optionalString("client-side-validation-type")
	if err != nil {
		return p, err
	}
	raw, hasProperties := o.take("client-side-validation-properties")
	if err := o.end(j.Strict); err != nil {
		return p, err
	}
	if kind == nil {
		if hasProperties {
			return p, malformed("client-side-validation-properties without client-side-validation-type")
		}
		return p, nil
	}
	p.Validation = &ClientSideValidation{Type: *kind}
	if !hasProperties {
		return p, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return p, malformed("client-side-validation-properties must be an array")
	}
	for _, item := range list {
		o, err := parseJSONObject(item)
		if err != nil {
			return p, err
		}
		var q rule.Property
		if q.Name, err = o.string("name"); err != nil {
			return p, err
		}
		if q.Value, err = o.string("value"); err != nil {
			return p, err
		}
		if err := o.end(j.Strict); err != nil {
			return p, err
		}
		p.Validation.Properties = append(p.Validation.Properties, q)
	}
	return p, nil
}

func encodeJSONValidationDetails(value []byte) (any, bool) {
	d, err := DecodePasswordValidationDetails(value)
	if err != nil {
		return nil, false
	}
	out := jsonValidationDetails{
		Type:       responseTypes()[d.Outcome],
		Missing:    d.MissingCurrentPassword,
		MustChange: d.MustChange,
		Seconds:    d.SecondsUntilExpiration,
	}
	for _, r := range d.Results {
		jr := jsonRequirementResult{
			Requirement: jsonRequirement{Description: r.Requirement.Description},
			Satisfied:   r.Satisfied,
			Info:        r.Info,
		}
		if v := r.Requirement.Validation; v != nil {
			jr.Requirement.Type = &v.Type
			for _, p := range v.Properties {
				jr.Requirement.Properties = append(jr.Requirement.Properties, jsonProperty(p))
			}
		}
		out.Details = append(out.Details, jr)
	}
	return out, true
}

// A jsonObject is a JSON object of which fields are taken one by one.
// Unlike a struct for encoding/json, it tells names apart by case and refuses
// a name that is given twice: two readers could each take another value.
type jsonObject map[string]json.RawMessage

func parseJSONObject(data []byte) (jsonObject, error) {
	if !utf8.Valid(data) {
		return nil, malformed("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, malformed("a JSON object was expected")
	}
	o := make(jsonObject)
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return nil, malformed("it is not JSON")
		}
		if _, ok := o[name]; ok {
			return nil, malformed("the field %q is given twice", name)
		}
		o[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, malformed("it is not JSON")
	}
	if d.More() {
		return nil, malformed("characters follow the object")
	}
	return o, nil
}

func (o jsonObject) take(name string) (json.RawMessage, bool) {
	v, ok := o[name]
	delete(o, name)
	return v, ok
}

func (o jsonObject) skip(name string) { delete(o, name) }

// end refuses what is left, if strict is set.
func (o jsonObject) end(strict bool) error {
	if !strict || len(o) == 0 {
		return nil
	}
	name := ""
	for n := range o {
		if name == "" || n < name {
			name = n
		}
	}
	return malformed("the field %q is not known", name)
}

func isJSONString(v json.RawMessage) bool { return len(v) > 0 && v[0] == '"' }

func (o jsonObject) string(name string) (string, error) {
	s, err := o.optionalString(name)
	if err == nil && s == nil {
		err = malformed("the field %q is missing", name)
	}
	if err != nil {
		return "", err
	}
	return *s, nil
}

func (o jsonObject) optionalString(name string) (*string, error) {
	v, ok := o.take(name)
	if !ok {
		return nil, nil
	}
	var s string
	if !isJSONString(v) || json.Unmarshal(v, &s) != nil {
		return nil, malformed("the field %q must be a string", name)
	}
	return &s, nil
}

func (o jsonObject) bool(name string) (bool, error) {
	v, ok := o.take(name)
	if !ok {
		return false, malformed("the field %q is missing", name)
	}
	switch string(v) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, malformed("the field %q must be true or false", name)
}

// optionalInt takes an integer, in any spelling that JSON has for one, of an
// absolute value up to limit.
func (o jsonObject) optionalInt(name string, limit int64) (*int64, error) {
	v, ok := o.take(name)
	if !ok {
		return nil, nil
	}
	var n int64
	if json.Unmarshal(v, &n) != nil || string(v) == "null" {
		// 6e1 is an integer, but not to encoding/json. A float64 holds every
		// integer below 2^53.
		var f float64
		if json.Unmarshal(v, &f) != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 || string(v) == "null" {
			return nil, malformed("the field %q must be an integer", name)
		}
		n = int64(f)
	}
	if n > limit || n < -limit {
		return nil, malformed("the field %q is out of range", name)
	}
	return &n, nil
}
