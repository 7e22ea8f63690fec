// Package secrets looks for passwords where they must not be: a [Book] holds
// those that a test has sent or been given, and [Book.Search] finds them in
// logs, traces and memory, as they are and in the forms in which they travel.
//
//	var book secrets.Book
//	book.Add("service account", password)
//	...
//	for _, leak := range book.Search(log) {
//		t.Error(leak)
//	}
//
// A leak is told by the name of the secret, its form and the place, not by its
// text: the output of a test is a log, too.
//
// Every search is worth as much as the proof that it would find something:
// plant a secret and look.
package secrets
