// Package pwhash compares passwords with what directories store of them: the
// schemes of userPassword (RFC 2307 and its descendants) {ARGON2}, {PBKDF2*},
// {SSHA*}, {SHA*}, {SMD5}, {MD5} and {CRYPT}, clear text, and the forms in
// which earlier passwords are kept.
//
// It makes no hashes: that is for those who store passwords. What a stored
// value may cost to verify is bounded, since it may come from anybody who can
// write an entry.
//
// The package imports hash functions only: neither LDAP nor package policy.
package pwhash
