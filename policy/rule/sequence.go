package rule

// Sequence bounds runs of octets of which each is one more, or each one
// less, than that before it: with Max 2, "ab" is allowed and "abc", "cba" and
// "9:;" are not (passwordMaxSequence of 389 Directory Server,
// ipaPwdMaxSequence).
type Sequence struct {
	Max int // 0 or less switches the rule off
}
