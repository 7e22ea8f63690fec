// Package ds389 reads the password policies of 389 Directory Server and Red
// Hat Directory Server: the global policy in cn=config, and subtree and user
// policies in the data.
//
// The server has traps that look like luck until they bite. Two are worth
// knowing before reading the code. An ordinary search may show a user the
// subtree's policy while the server enforces the user's own, so the stored
// pointer is read with the real-attributes-only control first. And of nested
// subtree policies the one created last wins, whatever its depth, so the
// winner is never computed here: the server is asked for the virtual pointer.
//
// The package sees the directory through policy.Directory only.
package ds389
