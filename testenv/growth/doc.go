// Package growth measures how time and memory grow with the work: with the
// users of a directory, its policies, the connections of clients, and the
// passwords of a request.
//
// What is measured is the program, as it is shipped, before slapd. What slapd
// itself takes for the users and connections is measured beside it in the same
// rounds, for growth that is slapd's is not ours. A sentence says what each
// curve shows, made from its points, so that it is as new as they are.
//
// The package must not import ldapserver, directory or the dialects: what is
// measured is a process of its own.
package growth
