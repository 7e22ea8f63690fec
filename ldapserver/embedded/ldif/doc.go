// Package ldif reads and writes entries as LDIF (RFC 2849).
//
// It handles content records: the entries of a directory. Change records are
// refused, and so are values by URL, for a file must not make the server open
// another. Values keep their octets, attributes their spelling and order.
//
// The package imports policy for its Entry and policy/dn to check names.
//
//	r := ldif.NewReader(f)
//	for {
//		e, err := r.Read()
//		if err == io.EOF {
//			break
//		}
//		...
//	}
package ldif
