// Package keeper keeps the few rights of root that a reload needs after the
// server has become User.
//
// Started as root, Sallyport binds its ports, opens its logs and then becomes
// the user of the User directive, as httpd's children do. But httpd's parent
// stays root, and a reload needs it: logs in a directory that only root may
// write to are opened anew, a port below 1024 may be added, the PidFile goes
// away at the end. Here that parent is the keeper: a second process of the same
// program, without any of its duties. It reads requests from a socket that it
// shares with the server and nobody else, opens things, and passes the
// descriptors back (SCM_RIGHTS). It ends when that socket does.
//
// # What it does, and for whom
//
// Assume that somebody has taken over the server, which talks to the world,
// and now speaks to the keeper in its place. Before privileges are dropped the
// server seals the keeper: it says what was opened so far. From then on the
// keeper
//
//   - opens for appending the log files that were open at the seal, and others
//     in the directories that held one, also in ServerRoot/logs. Not where a
//     file of the configuration lies: appending to one of those would be more
//     than a log. Where somebody besides root may write to the directory, it
//     follows no symbolic link and opens only plain files with one name. A
//     directory that was replaced since is refused.
//   - binds a TCP socket to any address and port. The intruder can so pose as
//     any service of this machine that is not running. This is the largest
//     power it keeps; a reload that adds a Listen line needs it.
//   - reads the files that the configuration was made of at the seal, and no
//     others: what they held then the server had in its memory, but the intruder
//     also learns what is written into them later.
//   - writes the server's process number, and nothing else, to the PidFile
//     known at the seal, and removes that file.
//   - runs the piped log programs that ran at the seal, word for word, with an
//     input of the intruder's choosing (it had that before: log lines hold what
//     clients send), and signals those it runs.
//
// So an intruder who is User can forge lines in any file of a log directory
// (with ErrorLog in /var/log itself that means the system's logs; give Sallyport
// a directory of its own), can fill the disk, and can take ports. It can't read
// another file, change what was written, run a program of its own or become
// root through the keeper, as far as we know; the keeper parses JSON of bounded
// size from it, in a memory-safe language. If nothing of this is wanted, start
// Sallyport as the user it shall run as, with the capability
// CAP_NET_BIND_SERVICE: then there is no keeper.
//
// # Neighbours
//
// cmd/sallyport starts the keeper and seals it, package server binds through it,
// package logfile opens through it, package conf reads. A nil *Keeper does everything with the
// process's own rights, so nobody needs to ask whether there is one. A log or a
// port that the server may open by itself never comes here.
//
// Files: keeper.go is the server's side, serve.go the root process, wire.go
// what passes between them. Only Linux has it; elsewhere Start says so.
package keeper
