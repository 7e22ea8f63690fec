// Package activedirectory reads the password policies of Active Directory
// and Samba: the domain's, and fine-grained ones (password settings objects)
// through msDS-ResultantPSO.
//
// The directory computes which settings object wins; servers differ in how
// they break ties and in which groups count, so it is never computed here.
// And a settings object that the reader may not read is found, without an
// error and without a single attribute: taking what is missing for zero would
// give the weakest passwords to the people with the strictest policy. It is
// an error that says how to grant the right.
//
// The package sees the directory through policy.Directory only.
package activedirectory
