// Package breach keeps lists of passwords that are public because they were
// breached, offline and compact: [Build] turns a download of Pwned Passwords
// into a file, [Open] maps the file into memory, and [List.Breached] looks a
// hash up in it. [Ranges] asks a server of the range API instead.
//
// # The file
//
// A list is the sorted SHA-1 hashes, cut to some number of bits, in buckets
// of equal leading bits; within a bucket, the differences are Golomb-Rice
// coded. Being sorted already, a download of any size is encoded in one pass
// with constant memory. The bits that are kept decide what the list is good
// for. A filter keeps a few more than it takes to count the hashes: it may
// take an innocent password for a public one, never the other way, which
// costs a generator one more draw. An exact list keeps all 160 and can serve
// ranges.
//
// The package imports no net: where an answer comes from over HTTP, the
// caller brings the request (see [Ranges]).
package breach
