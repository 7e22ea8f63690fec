// Package ldapserver is an LDAP front end: it relays every LDAPMessage
// between a client and a directory, untouched and in both directions, and
// steps in for a few only. It answers the extended operations that it was
// given, has an [extop.Rewriter] complete some requests on their way, advertises
// both in the root DSE that passes through, answers StartTLS, and notes who a
// connection is when a bind succeeds.
//
// Each client connection has one directory connection of its own, made when
// the first message needs it, so that the directory's access control, limits
// and logs see the caller.
//
//	srv := ldapserver.New(ldapserver.Config{
//		Dial:     func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", "ldap.example.com:389") },
//		Extended: map[string]extop.Handler{extop.GeneratePasswordRequestOID: op},
//	})
//	go srv.Serve(listener)
//	...
//	err := srv.Shutdown(ctx)
//
// # How a connection is served
//
// One goroutine reads the client's messages, in order. What it can answer at
// once it answers in place, into a buffer that is written when no further
// message is at hand. What must wait runs in a goroutine of its own, bounded in
// number. A second goroutine reads the directory's messages and passes them
// on. Neither reads further than it can write: a slow client slows down the
// directory's connection, never fills the memory.
//
// # Who a connection is
//
// After a simple bind with a DN that succeeded, a connection is that DN. After
// one with another name, as Active Directory takes, and after a SASL bind the
// directory is asked (RFC 4532). If it cannot tell, the caller is anonymous to
// our operations, though not to the directory. Requests behind a bind wait
// until this is settled.
//
// SASL EXTERNAL is never relayed: on the connection to the directory it would
// stand for the server itself, whoever the client is. Config.External may tell
// whom the client's certificate or process stands for, and the directory is
// then asked for that identity; otherwise the mechanism is refused. Mechanisms
// that may install a security layer are refused unless
// Config.PassSecurityLayers is set.
//
// # Dependencies
//
// The package knows operations only as [extop.Handler] and must not import
// policy or anything below it: what a policy demands is none of its business.
// Nor does it import ldapserver/embedded, which is a directory like any
// other.
package ldapserver
