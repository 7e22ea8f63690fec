// Package extop holds the operations that ldapsuggest adds to a directory,
// one file each, with the codec beside the handler and the ASN.1 in the
// comment of the struct that encodes it.
//
// An operation takes a decoded or an encoded request with its [Caller] and
// returns a value or a *result.Error; it never touches a connection. Both
// doors call it: ldapserver with the octets that arrived, restbridge with a
// request that it built from JSON. So the package imports neither
// ldapserver nor restbridge, which a test at the top of the module holds.
package extop
