package console

// CheckOf is what a page tells the browser of a requirement.
var CheckOf = checkOf
