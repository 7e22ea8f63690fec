package restbridge

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/extop"
)

// controlsField reads "_controls": an array of request controls in JSON,
// each
//
//	{"oid": "2.16.840.1.113730.3.4.18", "criticality": true, "value-json": {"authorization-id": "dn:..."}}
//
// with "value-base64" for the encoded value instead, and "control-name" for
// people. What known lists is decoded; of the others, those that are
// critical are passed on, for the operation to refuse, and the rest is left
// out. So a client may send the hints that it sends to other servers.
func controlsField(to *[]extop.Control, known ...string) field {
	return func(value []byte) error {
		var list []json.RawMessage
		if value[0] != '[' || json.Unmarshal(value, &list) != nil {
			return badRequest("_controls must be an array")
		}
		for _, item := range list {
			c, err := checkControl(item)
			if err != nil {
				return err
			}
			isKnown := slices.Contains(known, c.OID)
			if isKnown {
				if c, err = (extop.JSONControls{Strict: true}).Decode(item); err != nil {
					return err
				}
			}
			if isKnown || c.Critical {
				*to = append(*to, c)
			}
		}
		return nil
	}
}

// checkControl checks the form that all controls have in common, and returns
// the control without its value.
func checkControl(item json.RawMessage) (extop.Control, error) {
	var c extop.Control
	var name, encoded *string
	var critical *bool
	hasObject := false
	err := decodeObject(item, "a control",
		member{"oid", &c.OID},
		member{"control-name", &name},
		member{"criticality", &critical},
		member{"value-base64", &encoded},
		member{"value-json", field(func(value []byte) error {
			hasObject = true
			if value[0] != '{' {
				return badRequest("the value-json of a control must be an object")
			}
			return nil
		})})
	switch {
	case err != nil:
		return c, err
	case c.OID == "":
		return c, badRequest("a control has no oid")
	case critical == nil:
		return c, badRequest("the control %s has no criticality", short(c.OID))
	case encoded != nil && hasObject:
		return c, badRequest("the control %s has both value-base64 and value-json", short(c.OID))
	}
	if encoded != nil {
		if _, err := base64.StdEncoding.Strict().DecodeString(*encoded); err != nil {
			return c, badRequest("the value-base64 of the control %s is not base64", short(c.OID))
		}
	}
	c.Critical = *critical
	return c, nil
}
