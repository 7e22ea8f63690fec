// Package message frames LDAPMessages (RFC 4511 section 4.1.1) and reads their
// envelope in place.
//
// A [Reader] bounds a message in size from its header, before a buffer grows
// for it, and [Scan] bounds its nesting in one pass that allocates nothing. So
// whatever parses the octets afterwards sees well-formed, bounded input. A
// [Message] and all that its accessors return alias the octets that arrived;
// nothing is parsed into a tree, and what is relayed is never encoded again.
//
// The encoders, named Append, write definite lengths of minimal size and stand
// beside the ASN.1 that they encode.
//
// BER is taken as RFC 4511 section 5.1 restricts it: indefinite lengths are
// refused, long-form lengths are not. Tag numbers above 30, which no LDAP
// element has, are refused too.
//
// The package knows neither connections nor policies: it imports nothing of
// this module but extop/result, so that clients, servers and tests can share
// it.
package message
