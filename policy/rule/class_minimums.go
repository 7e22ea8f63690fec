package rule

// ClassMinimums demands characters of the kinds that 389 Directory Server
// knows (passwordMinDigits and so on). Letters and digits are ASCII only;
// every other ASCII character is special, space and controls included; every
// character beyond ASCII is 8-bit and nothing else. 0 demands nothing.
type ClassMinimums struct {
	Digits, Alphas, Uppers, Lowers, Specials, EightBit int
}
