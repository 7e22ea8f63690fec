// Package restbridge is the HTTP door: one file for each API that it is
// compatible with, and around them what all share: authentication, error
// bodies, limits and the access log.
//
// It translates. A request becomes the decoded request of an operation of
// package extop, made by a caller whom the directory has authenticated, and
// the operation's result becomes JSON. It knows no policies and no
// connections, and does not import ldapserver: the doors do not know each
// other.
//
//	srv, err := restbridge.New(restbridge.Config{Generate: op, Authenticate: auth})
//	...
//	err = srv.Serve(listener) // http.ErrServerClosed after Shutdown
package restbridge
