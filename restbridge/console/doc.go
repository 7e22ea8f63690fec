// Package console is the page for people at the REST door: a help desk signs
// in, finds a person, sees which policy governs them and why, gets suggestions,
// and resets the password.
//
// Pages are rendered here, from templates in the binary, and work without
// JavaScript; the little there is copies, checks what is typed without sending
// it, and tells when a session is about to end. A session is a connection to
// the directory that is bound as the helper. It holds no password, and what it
// finds, shows and sets is for the directory to allow.
//
// It translates forms to operations of package extop and their results to
// HTML. It knows no policies and no LDAP, and imports neither directory nor
// ldapserver: connections come from the door, as a [Conn].
package console
