package restbridge

import (
	"encoding/base64"
	"encoding/json"

	"github.com/ldapsuggest/ldapsuggest/extop"
)

// controlsField reads "_controls": an array of request controls in JSON,
// each
//
//	{"oid": "2.16.840.1.113730.3.4.18", "criticality": true, "value-json": {"authorization-id": "dn:..."}}
//
// with "value-base64" for the encoded value instead, and "control-name" for
// people. Controls that the operation does not know are left out unless they
// are critical: those it refuses by itself.
func controlsField(to *[]extop.Control) field {
	return func(value json.RawMessage) error {
		var list []json.RawMessage
		if value[0] != '[' || json.Unmarshal(value, &list) != nil {
			return badRequest("_controls must be an array")
		}
		for _, item := range list {
			c, err := decodeControl(item)
			if err != nil {
				return err
			}
			if c.Critical || c.OID == extop.ProxiedAuthorizationOID {
				*to = append(*to, c)
			}
		}
		return nil
	}
}

func decodeControl(item json.RawMessage) (extop.Control, error) {
	var c extop.Control
	var name, encoded string
	var criticality *bool
	var hasEncoded bool
	var object json.RawMessage
	err := decodeObject(item, "a control", map[string]field{
		"oid":          stringField("the oid of a control", &c.OID),
		"control-name": stringField("the control-name of a control", &name),
		"criticality": func(value json.RawMessage) error {
			criticality = new(bool)
			return boolField("the criticality of a control", criticality)(value)
		},
		"value-base64": func(value json.RawMessage) error {
			hasEncoded = true
			return stringField("the value-base64 of a control", &encoded)(value)
		},
		"value-json": func(value json.RawMessage) error {
			if value[0] != '{' {
				return badRequest("the value-json of a control must be an object")
			}
			object = value
			return nil
		},
	})
	switch {
	case err != nil:
		return c, err
	case c.OID == "":
		return c, badRequest("a control has no oid")
	case criticality == nil:
		return c, badRequest("the control %s has no criticality", short(c.OID))
	case hasEncoded && object != nil:
		return c, badRequest("the control %s has both value-base64 and value-json", short(c.OID))
	}
	c.Critical = *criticality
	if hasEncoded {
		if c.Value, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return c, badRequest("the value-base64 of the control %s is not base64", short(c.OID))
		}
	}
	if object != nil && c.OID == extop.ProxiedAuthorizationOID {
		var authzID *string
		err := decodeObject(object, "the value of the proxied authorization control", map[string]field{
			"authorization-id": func(value json.RawMessage) error {
				authzID = new(string)
				return stringField("authorization-id", authzID)(value)
			},
		})
		switch {
		case err != nil:
			return c, err
		case authzID == nil:
			return c, badRequest("the proxied authorization control has no authorization-id")
		}
		c.Value = []byte(*authzID)
	}
	return c, nil
}
