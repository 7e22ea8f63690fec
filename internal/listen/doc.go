// Package listen opens the listeners of the doors: TCP, local sockets, those
// that systemd passes on, and behind them the PROXY protocol and a limit of
// connections for each address.
//
// All is done below the protocols: it imports neither door, and both get
// their clients' own addresses without knowing how.
package listen
