// Package hasher hashes passwords for storage in userPassword, and verifies
// them against those and all others that package policy/pwhash knows: they
// exist so that entries from another directory keep working. New hashes are
// Argon2id (RFC 9106).
//
// # Cost
//
// A hash costs some 25 ms and 7 MiB, on purpose. [Hasher] bounds how many run
// at once, so that a flood of binds costs time and not memory. It remembers,
// for a few minutes, which password it found right for which stored value, as
// a keyed digest under a key of the process: repeated binds of a service, or
// of a client that authenticates each HTTP request, are cheap. A wrong
// password is never remembered.
//
// The package imports neither the store nor LDAP.
package hasher
