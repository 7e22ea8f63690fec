package rule

// ClassRun bounds how many octets in a row may come from one class. The
// classes may overlap (maxConsecutivePerClass of ppm).
type ClassRun struct {
	// Max is the longest run allowed. 0 or less switches the rule off.
	Max int

	// Classes are the sets to watch; none means digits, upper case, lower
	// case and all other octets (passwordMaxClassChars of 389 Directory
	// Server).
	Classes []ByteSet
}
