// Package embedded is the directory that ldapsuggest runs on when no other is
// configured: a gldap server over a bbolt store, in one process with the
// front end.
//
// The front end reaches it as it reaches any directory, through a connection
// of [Directory.Dial]. gldap carries bind, search, add, modify and delete;
// [Directory.Supplement] answers, on the same store, the requests that gldap
// would drop, get wrong or die of. The policy reader sees the store through
// [Directory.Search], without the network.
//
// # Layout
//
// One file an operation: bind, search, compare, add, modify, delete, rename,
// passwordmodify. Both doors, gldap's handlers in server.go and Supplement,
// decode a request and call the same operation. Operations work on a txn of
// store.go, which is a bbolt transaction; what they leave behind is checked
// before it is committed (candidate.go), so that a change which would break
// password policies never happens.
//
// Package schema compares values, package hasher hashes passwords and package
// ldif reads and writes files. Nothing here is imported by policy or extop:
// the embedded directory is one of many that they work with.
package embedded
