// Command chaos asks which requests a balancer loses while its members die.
//
// Dear newcomer: it starts one proxy (Sallyport, or httpd to compare) in front
// of real servers: three of nginx, which are killed, frozen with SIGSTOP or
// close idle connections after a second, and two small Go servers, which turn
// slow or reset connections in the middle of a body. Clients ask for pages and
// post forms all the while. Each trouble has a scene of its own (scenes.go).
//
// An answer is whole, or an error, or cut. Which loss counts is decided by
// what could have been done: a GET whose answer had not begun can always be
// sent to another member, and so can a POST that no member has seen. A POST
// that died on its way can not be repeated by anybody; a body that was cut in
// the middle can not be taken back, but it must never look whole.
//
// Sallyport that loses what could have been saved ends the program with
// status 1. What stress (next door) asks is another thing: whether answers are
// right.
package main
