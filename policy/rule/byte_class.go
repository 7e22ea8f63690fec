package rule

// ByteClass bounds how many octets of a password are in a set (min and max of
// a class of ppm).
type ByteClass struct {
	Name string // for people: "upperCase"
	Set  ByteSet
	Min  int // 0 or less demands nothing
	Max  int // 0 or less means no upper bound
}
