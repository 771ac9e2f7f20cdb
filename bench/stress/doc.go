// Command stress asks whether a proxy stays right while everything around it
// goes wrong, and whether it gives back all it took.
//
// Dear newcomer: it starts one proxy (Sallyport, or httpd or nginx to compare
// and to prove this program itself), scripted backends (backend.go) that
// answer late, early, half, twice or not at all, and some dozens of clients
// (client.go, kinds.go) that keep connections, open new ones, upload, read
// slowly, write slowly, pipeline, or vanish at any point of an exchange.
//
// Every request has a token of its own; the backend builds the answer's
// fields and every block of its body from it (token.go), and checks that a
// request's body is of the same token. So an answer that reaches the wrong
// client, a byte out of place, or a truncated body that claims to be whole is
// seen at once, by whichever side gets it. What a client may expect of each
// behaviour is a table (plan.go); what happened is added up in a Tally.
//
// The load runs twice for the same time. After each run the proxy must be
// back where it started: open files, goroutines (a Go program prints them on
// SIGQUIT), memory, and a log line for every answer (check.go). Any crossed
// or wrong answer or any leak ends the program with status 1.
package main
