package generate

// A Shape says which strings of characters are acceptable. The zero Shape
// accepts nothing, for its Alphabet is empty.
type Shape struct {
	// Alphabet holds every character that may occur.
	Alphabet Set

	// MinLength and MaxLength bound the number of characters. MaxLength 0
	// means no upper bound.
	MinLength, MaxLength int

	// Counts bound how many characters come from each of some sets, which
	// may overlap. All of them must hold.
	Counts []Count

	// Choices demand that at least some of several counts hold.
	Choices []Choice

	// Runs bound how many characters in a row may come from one set.
	Runs []Run

	// Repeats bound how many equal characters may stand in a row.
	Repeats []Repeat

	// Sequences bound rising and falling runs of neighbouring code points;
	// the smallest is what counts. 2 allows "abd" and forbids "abc", "cba".
	Sequences []int

	// Uniques demand a number of different characters.
	Uniques []Unique

	// NotFirst and NotLast may not begin or end the string.
	NotFirst, NotLast Set
}

// A Count bounds the number of characters that are in Set.
type Count struct {
	Set Set
	Min int
	Max int // NoMax for no upper bound; 0 forbids the set
}

// NoMax is a Count's Max where there is none.
const NoMax = -1

// A Choice holds if at least Need of the sets reach their minimum.
type Choice struct {
	Need int
	Of   []Threshold
}

// A Threshold is reached by a string with at least Min characters in Set.
// Min 0 is always reached.
type Threshold struct {
	Set Set
	Min int
}

// A Run forbids more than Max characters in a row that are all in Set.
type Run struct {
	Set Set
	Max int // at least 1
}

// A Repeat forbids more than Max equal characters in a row.
type Repeat struct {
	Max int // at least 1
	// Equal lists disjoint sets whose members count as the same character,
	// such as {a, A}. A character in none of them equals only itself.
	Equal []Set
}

// A Unique demands at least Min different characters. Equal is as in Repeat.
type Unique struct {
	Min   int
	Equal []Set
}
