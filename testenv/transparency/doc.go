// Package transparency proves that a front end cannot be told from the
// directory behind it, except where it is meant to be.
//
// The proof is a difference: a [Battery] of client programs runs twice on
// the same data, straight to the directory and through the front end, and
// what the programs print and how they exit must be the same. The programs are
// those that people use, from the distribution's packages: OpenLDAP's tools,
// python-ldap, ldap3 and Net::LDAP. Batteries are tables below testdata, a
// line a case.
//
//	slapd ds389 samba
//	0     0     0      admin ldapsearch -b "$BASE" '(cn=a*)' cn
//	32    32    32     admin ldapcompare "cn=nobody,$BASE" cn:x
//
// Each line names the exit status that the program has when it asks the
// directory itself, or "-" where the case says nothing about that server. So
// a case that fails for a reason of its own, such as a misspelt option, does
// not pass as equal failures.
//
// What is meant to differ is in a table too, with both exit statuses as in
// "0>7", and a difference that has gone is a failure like a new one.
//
// The package must not import ldapserver: it judges any front end. Its tests
// bring the one of this module.
package transparency
