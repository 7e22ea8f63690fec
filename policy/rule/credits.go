package rule

// Credits is the length check of libpwquality, which FreeIPA uses once one of
// its ipaPwd attributes is set. It counts octets; "other" is all but ASCII
// letters and digits.
type Credits struct {
	// MinLength is the length required without credits. Less than 6 means 6.
	MinLength int

	// A negative credit demands that many of its kind. A positive one lets up
	// to that many of its kind each make the required length shorter by one.
	Digit, Upper, Lower, Other int
}
