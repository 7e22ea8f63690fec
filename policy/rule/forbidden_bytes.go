package rule

// ForbiddenBytes refuses passwords with an octet of Set (forbiddenChars of
// ppm). A character beyond ASCII that shares an octet with a forbidden one is
// refused with it.
type ForbiddenBytes struct{ Set ByteSet }
