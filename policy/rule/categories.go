package rule

// Categories demands characters of at least Min of the five kinds of
// ClassMinimums: digits, upper case, lower case, special and 8-bit
// (passwordMinCategories of 389 Directory Server). More than five can never
// be met.
type Categories struct{ Min int }
