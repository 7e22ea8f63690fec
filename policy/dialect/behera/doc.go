// Package behera reads password policies as draft-behera-ldap-password-policy
// has them: entries of object class pwdPolicy, named by the operational
// attribute pwdPolicySubentry that the directory computes for every entry. It
// is for directories of which no more is known; OpenLDAP and OpenDJ, which
// began with the same draft, have packages of their own.
//
// The draft leaves much to the server. Whatever it does not settle, and
// whatever the directory does not show, is an error here: that an attribute
// is not seen never means that it is not there.
//
// The package sees the directory through policy.Directory only, and imports
// neither BER nor net.
package behera
