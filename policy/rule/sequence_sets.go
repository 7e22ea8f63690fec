package rule

// SequenceSets forbids that a sequence longer than Max comes again: wherever
// a rising or falling run of octets is longer, the Max octets before the
// current one must not occur later in the password (passwordMaxSeqSets of 389
// Directory Server). With 2, "abcxabc" is refused, "abcd" and "abcxbc" are not.
type SequenceSets struct {
	Max int // 0 or less switches the rule off
}
