// Package freeipa reads the password policies of FreeIPA, which a plug-in of
// its own (ipa-pwd-extop) enforces for Kerberos principals. Entries that are
// no principals are under the policies of the 389 Directory Server below,
// and are left to package ds389.
//
// It is built from FreeIPA's documentation and source, and tested with the
// entries that these describe: no real server was at hand.
//
// The package sees the directory through policy.Directory only.
package freeipa
