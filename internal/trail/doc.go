// Package trail names the connection and the operation for which something is
// done, so that the lines of a log, of the audit and of a trace that belong
// together can be found: they carry the same identifiers, whichever package
// writes them.
//
// A [Source] numbers the connections of a process. A door makes a
// [Connection] of each that it accepts, and a [Context] of each request on
// it. Everything below takes a context.Context as it always did. [Handler]
// adds the identifiers to records, when they are written: a line that the
// level drops costs nothing. So does tracing that is off.
//
//	source := trail.NewSource()
//	conn := source.Connection("ldap", remote)     // 5f3a9c1e-17
//	ctx := trail.New(ctx, conn.Begin())            // 5f3a9c1e-17.1
//	log.WarnContext(ctx, "the directory is slow")
//
// It is a leaf and must not import anything of this module, net or the API of
// a tracing system: policies and operations may depend on it.
package trail
