// Package peers has the servers judge what other generators make.
//
// A generator that knows no policy is given the options that its manual
// advises for one, and its passwords are set on the real server, as are those
// that a front end suggests and those that the server makes itself. How often
// the server refuses is the figure that counts; how much entropy the
// passwords have stands beside it, by a formula where one is known, and as a
// bound with its reason where not.
//
// The package must not import the dialects or directory: what is asked for
// suggestions is the program, as it is shipped, over LDAP.
package peers
