// Package testenv starts real directory servers for tests and benchmarks.
//
// A promise about what a directory accepts is worth what the directory
// itself says, so the judges are the servers that people run, from the
// distribution's packages, each in a fresh directory of its own with ports
// of its own on the loopback interface. They are stopped when the test ends,
// and by the kernel should the test binary die.
//
//	s := testenv.StartSlapd(t, testenv.SlapdOptions{})
//	conn := s.Dial(t, s.Helpdesk)
//
// A server that is not installed fails the test with the name of the package
// to install. A test that is skipped proves nothing.
//
// The package must not import ldapserver, restbridge or any dialect: those
// are what it is there to judge.
package testenv
