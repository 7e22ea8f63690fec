package generate

// ShellSafe are the symbols that a POSIX shell takes as they stand, without
// quotes, and that neither CSV nor a crontab gives a meaning. As the first
// character, those of ShellSafeNotFirst would make a password an option, a
// formula of a spreadsheet or a command of zsh.
var (
	ShellSafe         = NewSet("+-./:=@_")
	ShellSafeNotFirst = NewSet("+-=@")
)
