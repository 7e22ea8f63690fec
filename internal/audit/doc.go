// Package audit keeps the record of who asked for whose password, under which
// policy, and how it ended: JSON, one line an event, in a file that is rotated
// and at a syslog server.
//
//	log, err := audit.Open(audit.Config{File: &audit.File{Path: "/var/log/ldapsuggest/audit.log", MaxSize: 100 << 20, Keep: 10}})
//	...
//	err = log.Record(audit.Event{Kind: audit.Operation, Name: "generatePassword", Caller: "dn:uid=amina", Result: "success"})
//
// Each destination has a queue of bounded size and a goroutine that writes
// what is there in one go. So [Log.Record] costs a copy in memory, and a
// destination that is slow or broken holds up requests for a bounded time
// only. A line that has to be given up is counted, leaves a gap in the
// sequence numbers, and is told of by a line of its own as soon as one can be
// written. Under [Refuse], Record returns once every destination has the
// line, or an error.
//
// An Event has no field for a password, and no package puts one into another
// field: what comes from clients is names, and texts that the directory and
// the operations wrote.
//
// The package must not import extop or a door: it writes what it is given.
package audit
