// Package schema knows attribute types, their matching rules and the
// structural object classes (RFC 4512) of the embedded directory.
//
// It decides how values are compared, which attributes are operational and
// which may hold one value only. It does not forbid anything that it does not
// know: directories written for other servers carry hundreds of types, and
// all of them have to load and to survive. An unknown type compares as
// caseIgnoreMatch does.
//
// The package imports the standard library and policy/dn alone, so that it
// can be tested without a store.
package schema
