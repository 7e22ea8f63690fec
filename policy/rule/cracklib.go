package rule

// Cracklib refuses at least what FascistCheck of cracklib refuses, without
// being it: fewer than six octets, fewer than five different characters,
// runs of neighbouring characters, and anything that holds a word, forwards
// or backwards, also with the usual substitutions undone. It is stricter than
// cracklib, which accepts some of what contains a word.
type Cracklib struct {
	// Words is the list that the directory's dictionary was made of. With
	// nil, only the form of the password is checked.
	Words *Words
}
