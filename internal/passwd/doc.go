// Package passwd tells whether a password is the one behind a stored hash, as
// httpd does on Linux: bcrypt, Apache's MD5, {SHA}, and what crypt(3) of glibc
// knows.
//
// Which of them a hash is shows in its first letters; what begins like none is
// for crypt(3), so that a password stored in clear never matches there. The
// algorithms are those of libraries, but for the DES crypt(3) of old files, which
// no library that is kept up has: descrypt.go. All comparisons take the same time
// wherever the difference is.
//
// It reads no files, keeps nothing and limits nothing: see packages freshfile
// and authn.
package passwd
