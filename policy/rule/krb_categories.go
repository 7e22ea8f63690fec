package rule

// KrbCategories demands characters of at least Min of the five kinds of
// Categories, where a character that stands three times in a row costs one
// (krbPwdMinDiffChars of FreeIPA). A run that ends the password counts one
// less, so that "ccc" at the end costs nothing.
type KrbCategories struct {
	Min int // 0 or less switches the rule off
}
