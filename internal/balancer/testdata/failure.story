# What a failure does to a member and to the request.

# a refuses connections: the client never sees it.
balancer
member a
member b
member c
backend a refused
elect x12
show
----
(a)b c b c b c b c b c b c
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-200 error=-12ms
b Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=100
c Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=100

balancer maxattempts=0
member a
member b
backend a refused
elect x6
show
----
(a)503 b b b b b
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-6ms
b Init Ok  factor=1.00 set=0 elected=5 busy=0 lbstatus=100

balancer maxattempts=1
member a
member b
member c
backend a refused
backend b refused
elect x6
show
----
(a)(b)503 c c c c c
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-200 error=-6ms
b Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=0 error=-6ms
c Init Ok  factor=1.00 set=0 elected=5 busy=0 lbstatus=200

balancer
member a
backend a refused
elect x3
show
backend a ok
elect x3
show
----
(a)503 (a)503 (a)503
a Init Err  factor=1.00 set=0 elected=3 busy=0 lbstatus=0 retries=2 error=-1ms
aaa
a Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=0

# Nobody is left: each request tries all again, since forcerecovery is On.
balancer
member a
member b
backend a refused
backend b refused
elect x1
show
backend b ok
elect x4
----
(a)(b)503
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-1ms
b Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=100 error=-1ms
b (a)b b b

balancer forcerecovery=Off
member a
member b
backend a refused
backend b refused
elect x3
show
backend a ok
backend b ok
elect x3
show
----
(a)(b)503 503 503
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-3ms
b Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=100 error=-3ms
503 503 503
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-6ms
b Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=100 error=-6ms

# A member that is down for another reason is not in error: no forced recovery
# while it is there.
balancer
member a
member b
member c status=+D
backend a refused
backend b refused
elect x3
show
----
(a)(b)503 503 503
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-3ms
b Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=100 error=-3ms
c Init Dis  factor=1.00 set=0 elected=0 busy=0 lbstatus=0

# An error lasts for retry.
balancer
member a retry=1
member b
backend a refused
elect x5
show
backend a ok
tick 1100ms
elect x4
show
----
(a)b b b b b
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-5ms
b Init Ok  factor=1.00 set=0 elected=5 busy=0 lbstatus=100
baba
a Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=-100
b Init Ok  factor=1.00 set=0 elected=7 busy=0 lbstatus=100

balancer
member a retry=1
member b
backend a refused
elect x3
tick 1100ms
elect x3
show
----
(a)b b b
b (a)b b
a Init Err  factor=1.00 set=0 elected=2 busy=0 lbstatus=-100 retries=1 error=-2ms
b Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=100

# A stopped member in error is not retried.
balancer
member a retry=1
member b
backend a refused
elect x3
edit a status=+S
tick 1100ms
elect x3
show
edit a status=-S
elect x3
show
----
(a)b b b
bbb
a Init Stop Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-1.106s
b Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=100
b (a)b b
a Init Err  factor=1.00 set=0 elected=2 busy=0 lbstatus=-100 retries=1 error=-2ms
b Init Ok  factor=1.00 set=0 elected=9 busy=0 lbstatus=100

balancer
member a status=+E
member b
elect x4
show
----
abab
a Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0
b Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0

# Sets: the next one serves while the first is down.
balancer
member a retry=1
member b retry=1
member c lbset=1
member d lbset=1
backend a refused
backend b refused
elect x5
show
backend a ok
tick 1100ms
elect x4
show
----
(a)(b)c d c d c
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-5ms
b Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=100 error=-5ms
c Init Ok  factor=1.00 set=1 elected=3 busy=0 lbstatus=-100
d Init Ok  factor=1.00 set=1 elected=2 busy=0 lbstatus=100
(b)a a a a
a Init Ok  factor=1.00 set=0 elected=5 busy=0 lbstatus=0
b Init Err  factor=1.00 set=0 elected=2 busy=0 lbstatus=0 retries=1 error=-4ms
c Init Ok  factor=1.00 set=1 elected=3 busy=0 lbstatus=-100
d Init Ok  factor=1.00 set=1 elected=2 busy=0 lbstatus=100

# A spare takes the place of a member in error, and gives it back.
balancer
member a retry=1
member b
member c status=+R
member d status=+R
elect x4
backend a refused
elect x6
backend a ok
tick 1100ms
elect x6
show
----
abab
(a)b c b c b c
bababa
a Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=-100
b Init Ok  factor=1.00 set=0 elected=8 busy=0 lbstatus=100
c Init Spar Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=0
d Init Spar Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=0

# A standby serves when all others are down.
balancer
member a retry=1
member b retry=1
member c status=+H
backend a refused
elect x4
backend b refused
elect x4
backend a ok
tick 1100ms
elect x4
show
----
(a)b b b b
(b)c c c c
(b)a a a a
a Init Ok  factor=1.00 set=0 elected=5 busy=0 lbstatus=0
b Init Err  factor=1.00 set=0 elected=6 busy=0 lbstatus=0 retries=1 error=-4ms
c Init Stby Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=0

# A member that ignores errors keeps its share, and its failures reach the
# client.
balancer
member a status=+I
member b
backend a refused
elect x6
show
----
(a)503 b (a)503 b (a)503 b
a Init Ign Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=0
b Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=0

balancer
member a status=+I
member b status=+I
backend a refused
backend b refused
elect x4
show
----
(a)503 (b)503 (a)503 (b)503
a Init Ign Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0
b Init Ign Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0

# A status the backend sent is the client's, and says nothing of the member …
balancer
member a
member b
backend a 503
elect x4
backend a 500
elect x4
show
----
a=503 b a=503 b
a=500 b a=500 b
a Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=0
b Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=0

# … unless failonstatus lists it.
balancer failonstatus=503,500
member a
member b
member c
backend a 503
elect x4
backend b 404
elect x4
backend b 500
elect x4
show
----
a=503 b c b
c b=404 c b=404
c b=500 c c
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-200 error=-12ms
b Init Err  factor=1.00 set=0 elected=5 busy=0 lbstatus=0 error=-3ms
c Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=200

balancer failonstatus=404
member a status=+I
member b
backend a 404
elect x4
show
----
a=404 b a=404 b
a Init Ign Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0
b Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0

balancer failonstatus=500
member a retry=1
member b
backend a 500
elect x4
backend a ok
tick 1100ms
elect x4
show
----
a=500 b b b
baba
a Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=-100
b Init Ok  factor=1.00 set=0 elected=5 busy=0 lbstatus=100

balancer lbmethod=bybusyness
member a
member b
member c
backend b refused
elect x9
show
----
a (b)c c a c a c a c
a Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=100
b Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-8ms
c Init Ok  factor=1.00 set=0 elected=5 busy=0 lbstatus=0

balancer lbmethod=bytraffic
member a
member b
backend a refused sent=200 received=10000
backend b sent=200 received=10000
elect x4
show
----
(a)b b b b
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=0 error=-4ms
b Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=0

# Factors after a failure: the standing a member left with is kept.
balancer
member a loadfactor=3 retry=1
member b loadfactor=2
member c
elect x4
backend a refused
elect x5
backend a ok
tick 1100ms
show
elect x12
show
----
abac
b (a)b c b b
a Init Err  factor=3.00 set=0 elected=3 busy=0 lbstatus=0 error=-1.104s
b Init Ok  factor=2.00 set=0 elected=5 busy=0 lbstatus=-100
c Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=100
abcaababcaab
a Init Ok  factor=3.00 set=0 elected=9 busy=0 lbstatus=0
b Init Ok  factor=2.00 set=0 elected=9 busy=0 lbstatus=-100
c Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=100

# From here on: what cannot be staged on httpd, or is better.

# Unlike httpd: a lone member is tried again after 100 ms, 200 ms, 400 ms …
# (there: not for all of retry).
balancer
member a
member b status=+D
backend a refused
elect x1
lone
elect x1 log
show
tick 98ms
elect x1 log
lone
tick 199ms
elect x1
lone
tick 399ms
backend a ok
elect x3
show
lone
----
(a)503
a in 98.999ms
AH01170: balancer://x: All workers are in error state, next try in 99ms
503
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=0 error=-2ms
b Init Dis  factor=1.00 set=0 elected=0 busy=0 lbstatus=0
retried a
AH00959: ap_proxy_connect_backend disabling worker for (a:80) for 60s
AH01170: balancer://x: All workers are in error state, next try in 200ms
(a)503
a in 198.999ms
(a)503
a in 398.999ms
aaa
a Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=0
b Init Dis  factor=1.00 set=0 elected=0 busy=0 lbstatus=0
nobody

# retry bounds the pause.
balancer
member a retry=150ms
member b status=+D
backend a refused
elect x1
lone
tick 100ms
elect x1
lone
----
(a)503
a in 98.999ms
(a)503
a in 148.999ms

# A prober may find out first.
balancer
member a
member b status=+D
backend a refused
elect x1
probed a fail
lone
probed a pass
lone
show
elect x1
----
(a)503
a in 200ms
nobody
a Init Ok  factor=1.00 set=0 elected=1 busy=0 lbstatus=0
b Init Dis  factor=1.00 set=0 elected=0 busy=0 lbstatus=0
(a)503

# Unlike httpd: with retry=0 a member that has just failed is not asked again
# by the same request (there it may be).
balancer
member a retry=0
member b retry=0
backend a refused
elect x6
show
----
(a)b b (a)b b (a)b b
a Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=0 retries=3 error=-2ms
b Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=0

# Unlike httpd: a request that finds every member in error tries each once.
balancer
member a
member b
backend a refused
elect x2
backend a ok
backend b refused
elect x2
----
(a)b b
(b)a (b)a

# Unlike httpd: a full pool sends the request on and leaves the member alone.
balancer
member a
member b
member c
backend a pool
elect x6
show
----
(a)b c b c (a)b c
a Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0
b Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=100
c Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=-100

# Unlike httpd: nothing was sent to a member whose name does not resolve or
# whose TLS handshake fails, so the request goes on.
balancer
member a
member b
member c
backend a dns
backend b tls
elect x4 log
show
----
(a)(b)c c c c
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-200 error=-4ms
b Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=0 error=-4ms
c Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=200

balancer
member a
member b
backend a ping
elect x4
show
----
(a)b b b b
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-4ms
b Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=100

# A lost answer is not sent again elsewhere by the balancer, and not held
# against the member.
balancer
member a
member b
backend a closes
elect x4
backend a hangs
elect x4
show
----
(a)502 b (a)502 b
(a)502 b (a)502 b
a Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=0
b Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=0

balancer failontimeout=On
member a
member b
backend a hangs
elect x4 log
show
----
AH02460: balancer://x: Forcing worker (http://a) into error state due to timeout and 'failontimeout' parameter being set
(a)502 b b b
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-4ms
b Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=100

# The log.
balancer failonstatus=503
member a retry=1s
member b retry=1s
backend a refused
backend b 503
elect x1 log
elect x1 log
tick 2s
backend a ok
elect x2 log
show
----
AH00959: ap_proxy_connect_backend disabling worker for (a:80) for 1s
AH01174: balancer://x: Forcing worker (http://b) into error state due to status code 503 matching 'failonstatus' balancer parameter
(a)b=503
forced a
forced b
AH01174: balancer://x: Forcing worker (http://b) into error state due to status code 503 matching 'failonstatus' balancer parameter
b=503
retried b
AH01174: balancer://x: Forcing worker (http://b) into error state due to status code 503 matching 'failonstatus' balancer parameter
a b=503
a Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0
b Init Err  factor=1.00 set=0 elected=3 busy=0 lbstatus=0 retries=2 error=-1ms

balancer stickysession=S nofailover=On
member a route=a
member b route=b
backend a refused
elect x1 cookie=S=1.a log
edit b status=+D
elect x1 log
----
AH00959: ap_proxy_connect_backend disabling worker for (a:80) for 60s
AH01167: balancer://x: All workers are in error state for route (a), next try in 1m0s
(a)503
AH01170: balancer://x: All workers are in error state, next try in 99ms
503

balancer
elect x1 log
----
AH01171: balancer://x: No workers in balancer
503

# Health checks: failed health takes a member out whatever the traffic says; a
# pass ends an error too.
balancer
member a
member b
probe a fail
elect x3
probe a fail
backend b refused
elect x1
probe b pass
probe a pass
elect x2
show
----
a true
bbb
a false
(b)503
b true
a true
a (b)a
a Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0
b Init Err  factor=1.00 set=0 elected=5 busy=0 lbstatus=0 error=-1ms
