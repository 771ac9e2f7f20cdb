// Package archtest holds the promises that the documents make. It has no code
// of its own, only tests that read ARCHITECTURE.md, README.md and docs beside
// the sources and fail where they disagree:
//
//   - imports_test.go: a package imports only what its row in ARCHITECTURE.md
//     allows; the pure packages stay pure; every go statement stands in the
//     inventory;
//   - names_test.go: what ARCHITECTURE.md names in the code is there;
//   - docs_test.go: docs/directives.md and docs/parameters.md are what the tables
//     say (go test ./internal/archtest -update writes them); every room has a
//     README; every "Unlike httpd" has its row in docs/differences.md; links
//     lead somewhere;
//   - manual_test.go: directive names and contexts against httpd's own manual,
//     where the Debian package apache2-doc is installed;
//   - examples_test.go: the examples and the README's configurations load, in
//     Sallyport and in httpd.
//
// What a package promises about itself is tested in that package.
package archtest
