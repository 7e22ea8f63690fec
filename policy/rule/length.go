package rule

// A Unit says what a rule counts.
type Unit int

// The units that directories count in. Characters are Unicode code points;
// an octet that is no part of a UTF-8 sequence counts as one.
const (
	Characters Unit = iota
	Bytes           // octets of the UTF-8 form: OpenLDAP
	UTF16           // code units of UTF-16: OpenDJ, Samba
)

// Length bounds the length of a password.
type Length struct {
	// Min and Max are the bounds, both inclusive. Min 0 demands nothing; Max
	// 0 means no upper bound. A negative bound means the same as 0.
	Min, Max int
	Unit     Unit
}
