package rule

// ADComplexity demands three of five kinds of characters: upper case, lower
// case, the digits 0 to 9, ASCII punctuation, and other characters (the
// complexity flag of Active Directory). Windows and Samba differ in what is
// beyond ASCII.
type ADComplexity struct{ Reading ADReading }

// An ADReading is whose understanding of the kinds counts.
type ADReading int

// The readings.
const (
	// EveryReading demands three kinds as Windows and as Samba count them.
	EveryReading ADReading = iota
	// WindowsReading is what Microsoft documents: the fifth kind are letters
	// that have no case. Currency signs other than $, spaces and digits
	// beyond 0 to 9 are of no kind.
	WindowsReading
	// SambaReading takes any character beyond ASCII without case for the
	// fifth kind.
	SambaReading
)
