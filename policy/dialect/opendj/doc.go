// Package opendj reads password policies as OpenDJ, PingDirectory and the
// embedded directory keep them: policies, validators and generators as
// ds-cfg-* entries below cn=config, chosen for a user by
// ds-pwp-password-policy-dn, by a subentry or by the server's default.
//
// Each validator and generator type has a file: it turns the attributes of
// one entry into rules of policy/rule or a generator of policy/generate. A
// type that is not among them, a reference to an entry that is disabled or
// not there, and a value that does not parse are errors that name the entry.
//
// It sees the directory only through policy.Directory, and no file system:
// word lists come from [Config]. It imports neither BER nor net, so that the
// embedded directory can judge passwords with it inside the server.
package opendj
