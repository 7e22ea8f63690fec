package message

// A Bind is a BindRequest (RFC 4511 section 4.2).
//
//	BindRequest ::= [APPLICATION 0] SEQUENCE {
//	     version                 INTEGER (1 ..  127),
//	     name                    LDAPDN,
//	     authentication          AuthenticationChoice }
//
//	AuthenticationChoice ::= CHOICE {
//	     simple                  [0] OCTET STRING,
//	     sasl                    [3] SaslCredentials,
//	     ...  }
//
//	SaslCredentials ::= SEQUENCE {
//	     mechanism               LDAPString,
//	     credentials             OCTET STRING OPTIONAL }
type Bind struct {
	Version int32
	Name    []byte

	// Auth is the tag of the authentication choice: [AuthSimple],
	// [AuthSASL] or one that RFC 4511 does not know.
	Auth byte

	// HasPassword reports whether a simple password is not empty. The
	// password itself is left where it is.
	HasPassword bool

	// Mechanism is the name of the SASL mechanism; empty asks the server to
	// abort the negotiation.
	Mechanism []byte
}

// The authentication choices of RFC 4511.
const (
	AuthSimple byte = 0x80
	AuthSASL   byte = 0xa3
)

// ParseBind reads the Body of a BindRequest.
func ParseBind(body []byte) (Bind, error) {
	var b Bind
	version, rest, err := Expect(body, 0x02)
	if err != nil {
		return Bind{}, err
	}
	if b.Version, err = Int(version); err != nil {
		return Bind{}, err
	}
	if b.Name, rest, err = Expect(rest, 0x04); err != nil {
		return Bind{}, err
	}
	var auth []byte
	if b.Auth, auth, rest, err = Element(rest); err != nil {
		return Bind{}, err
	}
	// Nothing may follow: another reader might take it for the credentials.
	if len(rest) != 0 {
		return Bind{}, ErrTrailing
	}
	switch b.Auth {
	case AuthSimple:
		b.HasPassword = len(auth) > 0
	case AuthSASL:
		if b.Mechanism, rest, err = Expect(auth, 0x04); err != nil {
			return Bind{}, err
		}
		if len(rest) > 0 {
			if _, rest, err = Expect(rest, 0x04); err != nil {
				return Bind{}, err
			}
			if len(rest) != 0 {
				return Bind{}, ErrTrailing
			}
		}
	}
	return b, nil
}

// An Extended is an ExtendedRequest (RFC 4511 section 4.12).
//
//	ExtendedRequest ::= [APPLICATION 23] SEQUENCE {
//	     requestName      [0] LDAPOID,
//	     requestValue     [1] OCTET STRING OPTIONAL }
type Extended struct {
	Name  []byte
	Value []byte // nil if absent
}

// ParseExtended reads the Body of an ExtendedRequest.
func ParseExtended(body []byte) (Extended, error) {
	var e Extended
	var err error
	rest := body
	if e.Name, rest, err = Expect(rest, 0x80); err != nil {
		return Extended{}, err
	}
	for len(rest) > 0 {
		var tag byte
		var contents []byte
		if tag, contents, rest, err = Element(rest); err != nil {
			return Extended{}, err
		}
		if tag != 0x81 {
			continue
		}
		if e.Value != nil {
			return Extended{}, ErrTag
		}
		e.Value = contents
	}
	return e, nil
}

// ParseAbandon reads the Body of an AbandonRequest (RFC 4511 section 4.11).
//
//	AbandonRequest ::= [APPLICATION 16] MessageID
func ParseAbandon(body []byte) (int32, error) {
	id, err := Int(body)
	if err != nil || id < 0 {
		return 0, ErrID
	}
	return id, nil
}

// ParseCancel reads the value of a cancel request (RFC 3909 section 2.1).
//
//	cancelRequestValue ::= SEQUENCE {
//	     cancelID        MessageID }
func ParseCancel(value []byte) (int32, error) {
	seq, rest, err := Expect(value, 0x30)
	if err != nil {
		return 0, err
	}
	if len(rest) != 0 {
		return 0, ErrTrailing
	}
	id, _, err := Expect(seq, 0x02)
	if err != nil {
		return 0, err
	}
	return ParseAbandon(id)
}

// A Search is a SearchRequest (RFC 4511 section 4.5.1).
//
//	SearchRequest ::= [APPLICATION 3] SEQUENCE {
//	     baseObject      LDAPDN,
//	     scope           ENUMERATED {
//	          baseObject              (0),
//	          singleLevel             (1),
//	          wholeSubtree            (2),
//	          ...  },
//	     derefAliases    ENUMERATED { ... },
//	     sizeLimit       INTEGER (0 ..  maxInt),
//	     timeLimit       INTEGER (0 ..  maxInt),
//	     typesOnly       BOOLEAN,
//	     filter          Filter,
//	     attributes      AttributeSelection }
//
//	AttributeSelection ::= SEQUENCE OF selector LDAPString
type Search struct {
	Base         []byte
	Scope        int32
	DerefAliases int32
	SizeLimit    int32
	TimeLimit    int32
	TypesOnly    bool
	Filter       []byte // the whole element
	Attributes   []byte // what the sequence contains; see EachString
}

// ParseSearch reads the Body of a SearchRequest. The filter is not looked
// into.
func ParseSearch(body []byte) (Search, error) {
	var s Search
	var err error
	rest := body
	if s.Base, rest, err = Expect(rest, 0x04); err != nil {
		return Search{}, err
	}
	for _, f := range []struct {
		tag byte
		to  *int32
	}{{0x0a, &s.Scope}, {0x0a, &s.DerefAliases}, {0x02, &s.SizeLimit}, {0x02, &s.TimeLimit}} {
		var c []byte
		if c, rest, err = Expect(rest, f.tag); err != nil {
			return Search{}, err
		}
		if *f.to, err = Int(c); err != nil {
			return Search{}, err
		}
	}
	typesOnly, rest, err := Expect(rest, 0x01)
	if err != nil {
		return Search{}, err
	}
	if len(typesOnly) != 1 {
		return Search{}, ErrLength
	}
	s.TypesOnly = typesOnly[0] != 0
	_, _, after, err := Element(rest)
	if err != nil {
		return Search{}, err
	}
	s.Filter = rest[: len(rest)-len(after) : len(rest)-len(after)]
	if s.Attributes, _, err = Expect(after, 0x30); err != nil {
		return Search{}, err
	}
	return s, nil
}

// EachString calls f with each OCTET STRING of what a SEQUENCE or SET OF them
// contains, until f returns false.
func EachString(contents []byte, f func(s []byte) bool) error {
	for len(contents) > 0 {
		s, rest, err := Expect(contents, 0x04)
		if err != nil {
			return err
		}
		if !f(s) {
			return nil
		}
		contents = rest
	}
	return nil
}

// A Control is a control (RFC 4511 section 4.1.11).
//
//	Control ::= SEQUENCE {
//	     controlType             LDAPOID,
//	     criticality             BOOLEAN DEFAULT FALSE,
//	     controlValue            OCTET STRING OPTIONAL }
type Control struct {
	OID      []byte
	Critical bool
	Value    []byte // nil if absent
}

// EachControl calls f with each control of a message's Controls, until f
// returns false.
func EachControl(controls []byte, f func(Control) bool) error {
	for len(controls) > 0 {
		seq, rest, err := Expect(controls, 0x30)
		if err != nil {
			return err
		}
		c, err := parseControl(seq)
		if err != nil {
			return err
		}
		if !f(c) {
			return nil
		}
		controls = rest
	}
	return nil
}

func parseControl(seq []byte) (c Control, err error) {
	if c.OID, seq, err = Expect(seq, 0x04); err != nil {
		return Control{}, err
	}
	if len(seq) > 0 && seq[0] == 0x01 {
		var critical []byte
		if critical, seq, err = Expect(seq, 0x01); err != nil {
			return Control{}, err
		}
		if len(critical) != 1 {
			return Control{}, ErrLength
		}
		c.Critical = critical[0] != 0
	}
	if len(seq) > 0 {
		if c.Value, seq, err = Expect(seq, 0x04); err != nil {
			return Control{}, err
		}
	}
	if len(seq) != 0 {
		return Control{}, ErrTrailing
	}
	return c, nil
}
