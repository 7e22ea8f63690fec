// Package openldap reads password policies as OpenLDAP's slapd keeps and
// applies them: the ppolicy overlay of 2.5, 2.6 and 2.7, and its check module
// ppm.
//
// What slapd does is followed, not what the draft says
// (draft-behera-ldap-password-policy). Lengths are in octets. A pointer to a
// missing policy means no policy at all, and so does one number in a policy
// that does not fit an int. pwdCheckQuality 0 switches the length off but not
// the history. A policy stands alone: it inherits nothing.
//
// slapd hides what an account may not see, and does not say so: an entry is
// "no such object", an attribute is absent. Either would read as "nothing is
// demanded". So the package asks in a way whose answer differs (see access.go)
// and refuses to guess: its error names the entry and the right to grant.
//
// The package sees the directory only through policy.Directory. Like all
// below policy it imports no BER and no network.
package openldap
